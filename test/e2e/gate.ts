import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import type { LoopbackServer } from '../support/loopback.js';
import { listenOnLoopback } from '../support/loopback.js';

/** One request of a sender, and what it was answered. */
export interface Delivery {
  body: { status: string; alerts: { status: string; labels: Record<string, string> }[] };
  status: number;
  /** The receiver's; absent where the gate itself answered. */
  answer?: { outcome?: string; reason?: string };
}

/** Stands between the senders and the receiver: it hands on what comes, and keeps both sides of it. */
export interface Gate extends LoopbackServer {
  /** Complete ones, in the order of their answers. */
  deliveries: Delivery[];
  /** How many requests have come in, answered or not. */
  arrived: number;
  /** The receiver. */
  target: string;
  /** Statuses that it answers the next requests with itself. */
  refusals: number[];
}

/** Opens a gate on a free port of loopback. */
export async function openGate(): Promise<Gate> {
  const server = await listenOnLoopback((request, response) => {
    gate.arrived += 1;
    void pass(gate, request).then((delivery) => {
      gate.deliveries.push(delivery);
      response.writeHead(delivery.status).end();
    });
  });
  const gate: Gate = { ...server, deliveries: [], arrived: 0, target: '', refusals: [] };
  return gate;
}

async function pass(gate: Gate, request: IncomingMessage): Promise<Delivery> {
  const sent = await text(request);
  const body = JSON.parse(sent) as Delivery['body'];
  const refusal = gate.refusals.shift();
  if (refusal !== undefined) return { body, status: refusal };
  const { authorization } = request.headers;
  const headers = { 'content-type': 'application/json', ...(authorization !== undefined && { authorization }) };
  try {
    const response = await fetch(gate.target + (request.url ?? '/'), { method: 'POST', headers, body: sent });
    return { body, status: response.status, answer: (await response.json()) as object };
  } catch {
    return { body, status: 502 };
  }
}
