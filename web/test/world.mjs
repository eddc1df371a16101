// The world that tests/system/web.py made: a gateway, its mail port, a webhook receiver, a name server. Mail is real mail over SMTP.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:net';
import { connect as secure } from 'node:tls';

export const world = JSON.parse(process.env.POSTERN_WORLD ?? 'null');
if (!world) { console.error('start this by tests/system/web.py'); process.exit(2); }

export const password = 'correct-horse-battery-staple';
let count = 0;
export const word = () => `${Date.now().toString(36)}${(count++).toString(36)}`;

/** An account and its calls of the API; anything but success throws. */
export class Account {
  constructor(email) { this.email = email; this.password = password; }
  static async make(email = `run-${word()}@example.com`, link) {
    const one = new Account(email);
    await one.call('POST', '/accounts', { email, password, ...(link ? { link } : {}) });
    await one.signIn();
    return one;
  }
  async signIn() { this.token = (await this.call('POST', '/sessions', { email: this.email, password })).access_token; }
  async call(method, path, body, headers = {}) {
    const answer = await fetch(`${world.gateway}/api/v1${path}`, { method, body: body === undefined ? undefined : JSON.stringify(body),
      headers: { ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}), ...headers } });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`set-up: ${method} ${path}: ${answer.status} ${text.slice(0, 300)}`);
    return text ? JSON.parse(text) : null;
  }
  post(path, body) { return this.call('POST', path, body); }
  get(path) { return this.call('GET', path); }
}

/** More DNS data, an answer of the receiver, what it got. */
export async function control(told) {
  return (await fetch(world.control, { method: 'POST', body: JSON.stringify(told) })).json();
}

/** A domain of the account, its record published. */
export async function claim(account, name) {
  const domain = await account.post('/domains', { name });
  const { verification_record: record } = domain;
  await control({ zone: { [record.name]: { [record.type]: [record.value] } } });
  await account.post(`/domains/${domain.id}/verify`);
  return domain;
}

export const message = (name) => readFileSync(join(world.messages, name));

class Dialogue {
  constructor(socket) { this.#listen(socket); }
  #buffer = ''; #waiting = null; #ended = false;
  #listen(socket) {
    this.socket = socket;
    socket.on('data', (octets) => { this.#buffer += octets.toString('latin1'); this.#wake(); });
    socket.on('error', () => this.#end()); socket.on('close', () => this.#end());
  }
  #end() { this.#ended = true; this.#wake(); }
  #wake() { const go = this.#waiting; this.#waiting = null; go?.(); }
  async reply() {
    for (;;) {
      const whole = /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\n/.exec(this.#buffer);
      if (whole) { this.#buffer = this.#buffer.slice(whole[0].length); return whole[0].trim(); }
      if (this.#ended) throw new Error('SMTP: the connection was closed');
      await new Promise((go) => { this.#waiting = go; });
    }
  }
  ask(line) { this.socket.write(line + '\r\n', 'utf8'); return this.reply(); }
  async tls() {
    this.socket.removeAllListeners('data'); this.socket.removeAllListeners('close');
    const over = secure({ socket: this.socket, rejectUnauthorized: false });
    await new Promise((go, no) => { over.once('secureConnect', go); over.once('error', no); });
    this.#listen(over);
  }
}

/** Sends one mail from `ip` -> the reply that decided about it. */
export async function mail({ to, ip = '203.0.113.10', from = 'invoice@partner.example.com', helo = 'mx.partner.example.com', content, auth }) {
  const socket = connect(world.smtp, '127.0.0.1');
  const smtp = new Dialogue(socket);
  try {
    socket.write(ip.includes(':') ? `PROXY TCP6 ${ip} ::1 40000 25\r\n` : `PROXY TCP4 ${ip} 127.0.0.1 40000 25\r\n`);
    const steps = [() => smtp.reply(), () => smtp.ask(`EHLO ${helo}`)];
    if (auth) steps.push(() => smtp.ask('STARTTLS'), async () => { await smtp.tls(); return smtp.ask(`EHLO ${helo}`); },
      () => smtp.ask(`AUTH PLAIN ${Buffer.from(`\0${auth.username}\0${auth.password}`).toString('base64')}`));
    steps.push(() => smtp.ask(`MAIL FROM:<${from}>`), () => smtp.ask(`RCPT TO:<${to}>`), () => smtp.ask('DATA'));
    for (const step of steps) { const said = await step(); if (!/^[23]/.test(said)) return said; }
    let octets = Buffer.from(content ?? `From: ${from}\nTo: ${to}\nSubject: hello\nMessage-ID: <${word()}@partner.example.com>\n\nA message.\n`).toString('latin1').replace(/\r?\n/g, '\r\n');
    if (!octets.endsWith('\r\n')) octets += '\r\n';
    smtp.socket.write(octets.replace(/(^|\r\n)\./g, '$1..'), 'latin1');
    return await smtp.ask('.');
  } finally {
    smtp.socket.destroy();
  }
}
