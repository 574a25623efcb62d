import type { LocalAnswer, LocalRequest } from '../local-server.js';

export const PASSWORD = 'correct-horse-battery';

/** By the clock of Keystone's machine, which is far from the caller's. */
const ISSUED_AT = Date.parse('2031-01-01T00:00:00Z');
/** How long a token says that it lives, ms. */
export const TOKEN_LIFE_MS = 86_400_000;

/** A Keystone v3 for one user, with the catalog that it is given. A token goes on working after its end until it is revoked. */
export function createKeystone(catalog: () => { type: string; endpoints: object[] }[]) {
  let issued = 0;
  let valid = '';
  return {
    /** Every token so far is refused from now on. */
    revoke: () => {
      valid = '';
    },
    logins: () => issued,
    tokens: () => Array.from({ length: issued }, (_, index) => `token-number-${index + 1}`),
    isValid: ({ headers }: LocalRequest) => valid !== '' && headers['x-auth-token'] === valid,
    handle({ body }: LocalRequest): LocalAnswer {
      const auth = body as { auth: { identity: { methods: string[]; password: { user: Record<string, unknown> } } } };
      const { methods, password } = auth.auth.identity;
      const isUser = password.user.name === 'mover' && password.user.password === PASSWORD;
      if (methods[0] !== 'password' || !isUser) {
        return {
          status: 401,
          body: { error: { code: 401, message: 'The request you have made requires authentication.' } },
        };
      }
      issued += 1;
      valid = `token-number-${issued}`;
      const times = {
        issued_at: new Date(ISSUED_AT).toISOString(),
        expires_at: new Date(ISSUED_AT + TOKEN_LIFE_MS).toISOString(),
      };
      return { status: 201, headers: { 'X-Subject-Token': valid }, body: { token: { catalog: catalog(), ...times } } };
    },
  };
}
