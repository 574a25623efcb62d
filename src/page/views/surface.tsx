import { useEffect, useState } from 'preact/hooks';
import { useSpeech } from '../text/language.js';

interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  enum?: unknown[];
  const?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  oneOf?: Schema[];
}

interface Operation {
  summary: string;
  parameters?: { name: string; in: string; description?: string; required?: boolean; schema?: Schema }[];
  requestBody?: { description?: string; content: Record<string, { schema: Schema }> };
  responses: Record<string, { description: string; content?: Record<string, { schema: Schema }> }>;
}

interface OpenApi {
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** The HTTP surface, told for people from its own description. */
export function Surface() {
  const { t } = useSpeech();
  const [told, setTold] = useState<OpenApi>();
  const [problem, setProblem] = useState('');
  useEffect(() => {
    fetch('/openapi.json')
      .then((response) => response.json() as Promise<OpenApi>)
      .then(setTold, (error: unknown) => setProblem((error as Error).message));
  }, []);
  if (problem !== '') return <p class="problem">{t.failed(problem)}</p>;
  if (!told) return <p class="soft">{t.loading}</p>;
  return (
    <section class="panel surface">
      <header>
        <h2>{t.apiTitle}</h2>
        <a class="more" href="/openapi.json">
          {t.apiRaw}
        </a>
      </header>
      <div class="operations" lang="en">
        {Object.entries(told.paths).flatMap(([path, methods]) =>
          Object.entries(methods).map(([method, operation]) => (
            <details key={`${method} ${path}`} id={`${method}-${path}`}>
              <summary>
                <code class={`method ${method}`}>{method.toUpperCase()}</code> <code>{path}</code>{' '}
                <span class="soft">{operation.summary}</span>
              </summary>
              <OperationText operation={operation} schemas={told.components.schemas} />
            </details>
          )),
        )}
      </div>
    </section>
  );
}

function OperationText({ operation, schemas }: { operation: Operation; schemas: OpenApi['components']['schemas'] }) {
  const { t } = useSpeech();
  const { parameters = [], requestBody, responses } = operation;
  return (
    <>
      {parameters.length > 0 && (
        <>
          <h3>{t.parameters}</h3>
          <ul>
            {parameters.map(({ name, in: where, description, required, schema }) => (
              <li key={name}>
                <code>{name}</code>{' '}
                <span class="soft">
                  {where}
                  {required ? ', required' : ''}
                </span>{' '}
                {description} {schema?.enum && <span class="soft">{schema.enum.join(' | ')}</span>}
              </li>
            ))}
          </ul>
        </>
      )}
      {requestBody && (
        <>
          <h3>{t.body}</h3>
          {requestBody.description && <p>{requestBody.description}</p>}
          <Shapes content={requestBody.content} schemas={schemas} />
        </>
      )}
      <h3>{t.answers}</h3>
      <ul>
        {Object.entries(responses).map(([status, { description, content }]) => (
          <li key={status}>
            <code>{status}</code> {description}
            {content && status.startsWith('2') && <Shapes content={content} schemas={schemas} />}
          </li>
        ))}
      </ul>
    </>
  );
}

function Shapes({
  content,
  schemas,
}: {
  content: Record<string, { schema: Schema }>;
  schemas: Record<string, Schema>;
}) {
  return (
    <>
      {Object.entries(content).map(([type, { schema }]) => (
        <pre key={type} tabIndex={0}>
          {type === 'application/json' ? write(schema, schemas, '', []) : type}
        </pre>
      ))}
    </>
  );
}

/** Writes a shape as TypeScript would. */
function write(schema: Schema, schemas: Record<string, Schema>, indent: string, within: readonly string[]): string {
  const { $ref, anyOf, oneOf, items, properties, required = [], enum: words, type } = schema;
  if ($ref !== undefined) {
    const name = $ref.split('/').at(-1) ?? '';
    const inner = schemas[name];
    return inner && !within.includes(name) && within.length < 4
      ? write(inner, schemas, indent, [...within, name])
      : name;
  }
  const either = anyOf ?? oneOf;
  if (either) return either.map((each) => write(each, schemas, indent, within)).join(' | ');
  if (words) return words.map((word) => JSON.stringify(word)).join(' | ');
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (items) return `[${write(items, schemas, indent, within)}, …]`;
  if (properties) {
    const inner = `${indent}  `;
    const fields = Object.entries(properties).map(([name, field]) => {
      const about = field.description === undefined ? '' : `  // ${field.description}`;
      return `${inner}${name}${required.includes(name) ? '' : '?'}: ${write(field, schemas, inner, within)}${about}`;
    });
    return fields.length === 0 ? '{}' : `{\n${fields.join('\n')}\n${indent}}`;
  }
  return Array.isArray(type) ? type.join(' | ') : (type ?? 'any');
}
