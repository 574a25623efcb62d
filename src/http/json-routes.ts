import type { Request, Response, Router } from 'express';
import { checkExact, checkSchema, validationResult } from 'express-validator';
import type { ParamSchema } from 'express-validator';
import type { AlertProblem } from '../alerts/alert.js';
import { BodyReader, parseObject, requireJson } from './body.js';
import { HttpProblem, onlyMethods } from './errors.js';

/** Far more than anybody writes by hand, bytes. */
const BODY_LIMIT = 64 * 1024;

const bodies = new BodyReader(BODY_LIMIT);

/** A field of a body: what is expected in words, and whether a value is that. */
export interface Field {
  expected: string;
  test: (value: unknown) => boolean;
  optional?: true;
}

/**
 * Adds a POST that takes a JSON object and nothing else: a form of another site can send none.
 * @param fields - of the body; any other is refused by name.
 * @param handle - gets a body that has passed.
 */
export function takesJson(
  router: Router,
  path: string,
  fields: Readonly<Record<string, Field>>,
  handle: (body: Readonly<Record<string, unknown>>, request: Request, response: Response) => Promise<void>,
): void {
  const schema = Object.fromEntries(
    Object.entries(fields).map(([name, { expected, test, optional }]): [string, ParamSchema] => [
      name,
      { custom: { options: test, errorMessage: `expected ${expected}` }, ...(optional && { optional }) },
    ]),
  );
  const check = checkExact(checkSchema(schema, ['body']), { locations: ['body'], message: 'unknown field' });
  router
    .route(path)
    .post(requireJson, async (request, response) => {
      request.body = await bodies.read(request, response, parseObject);
      await check.run(request);
      const problems = validationResult(request)
        .array()
        .flatMap((error): AlertProblem[] => {
          const message = String(error.msg);
          if (error.type === 'unknown_fields') return error.fields.map((field) => ({ field: field.path, message }));
          return error.type === 'field' ? [{ field: error.path, message }] : [];
        });
      if (problems.length > 0)
        throw new HttpProblem('invalid_body', { message: 'the body is not what this route takes', problems });
      await handle(request.body as Record<string, unknown>, request, response);
    })
    .all(onlyMethods('POST'));
}
