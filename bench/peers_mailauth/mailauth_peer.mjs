// The npm package mailauth. usage: node mailauth_peer.mjs DIRECTORY-WITH-node_modules [strict]
// The pipe is that of talk.py. Its option `resolver` gives DNS answers; Date has the case's clock.
import { createRequire } from 'node:module';
import path from 'node:path';
import readline from 'node:readline';
import { domainToASCII } from 'node:url';

const [, , directory, mode] = process.argv;
const strict = mode === 'strict'; // an option of version 7
const require = createRequire(path.join(path.resolve(directory), 'x.js'));

let now = null;
const RealDate = Date;
globalThis.Date = class extends RealDate {
    constructor(...given) {
        if (given.length || now === null) super(...given);
        else super(now * 1000);
    }
    static now() {
        return now === null ? RealDate.now() : now * 1000;
    }
};

const { authenticate, dkimSign, dkimVerify, spf, dmarc } = require('mailauth');

const say = line => process.stdout.write(JSON.stringify(line) + '\n');
const waiting = []; // answers come in the order of the questions
console.log = console.info = console.error;

const CODES = {
    TIMEOUT: 'ETIMEOUT', SERVFAIL: 'ESERVFAIL', REFUSED: 'EREFUSED', FORMERR: 'EFORMERR',
    NXDOMAIN: 'ENOTFOUND', NODATA: 'ENODATA', BADNAME: 'EBADNAME'
};

// As dns.promises.resolve: queries A-labels, returns TXT octets as Latin-1 and MX as objects, and
// throws an exception with a code if there are no records.
const aLabels = name => (/[^\x00-\x7f]/.test(name) && domainToASCII(name)) || name;
const resolver = async (name, type = 'A') => {
    const answer = await new Promise(done => {
        waiting.push(done);
        say({ question: [aLabels(String(name)), type] });
    });
    const found = answer.answers.filter(([, kind]) => kind === type).map(([, , data]) => data);
    if (answer.status !== 'NOERROR' || !found.length) {
        const trouble = new Error(`query${type} ${answer.status} ${name}`);
        trouble.code = CODES[answer.status === 'NOERROR' ? 'NODATA' : answer.status] || 'EBADRESP';
        throw trouble;
    }
    if (type === 'TXT') return found.map(chunks => chunks.map(chunk => Buffer.from(chunk, 'hex').toString('latin1')));
    return type === 'MX' ? found.map(([priority, exchange]) => ({ priority, exchange })) : found;
};

const options = { resolver, strict };
const message = request => Buffer.from(request.message_b64, 'base64');

const kinds = {
    async spf({ ip, helo, mailfrom }) {
        const found = await spf({ ip, helo, sender: mailfrom, ...options });
        return { result: found.status.result };
    },
    async dkim(request) {
        const found = await dkimVerify(message(request), { ...options, curTime: new RealDate(request.now * 1000) });
        return { signatures: found.results.map(one => one.status.result) };
    },
    async 'dkim-sign'(request) {
        const signatureData = request.keys.map(({ selector, domain, pem }) => ({
            selector, signingDomain: domain, privateKey: pem, canonicalization: request.canonicalization,
            ...(request.body_length === undefined ? {} : { maxBodyLength: request.body_length })
        }));
        const made = await dkimSign(message(request), {
            strict, signatureData, signTime: new RealDate(request.timestamp * 1000), headerList: request.headers.join(':')
        });
        return { fields: made.signatures };
    },
    async 'arc-validate'(request) {
        const found = await authenticate(message(request), {
            ip: '192.0.2.1', helo: 'example.com', mta: 'mx.example.org', sender: 'a@example.com',
            disableDmarc: true, disableBimi: true, ...options
        });
        return { result: found.arc.status.result };
    },
    async dmarc(request) {
        const { spf: said, dkim: signatures } = request;
        const found = await dmarc({
            headerFrom: ['a@' + request.from_domain],
            spfDomains: said.result === 'pass' && said.identity === 'mailfrom' ? [{ domain: said.domain }] : [],
            dkimDomains: signatures.filter(one => one.result === 'pass').map(({ domain }) => ({ domain })),
            ...options
        });
        return { result: found.status.result, policy: found.policy };
    },
    async from({ headers }) {
        const text = headers.map(field => `From: ${field}\r\n`).join('') + '\r\n';
        const found = await dkimVerify(Buffer.from(text), options);
        // It returns addresses unchanged; its DMARC check converts them to the form compared here.
        const names = (found.headerFrom || []).map(address => address.slice(address.lastIndexOf('@') + 1).trim());
        const domains = names.filter(name => !name.startsWith('[')).map(name => domainToASCII(name));
        return { domains: [...new Set(domains)].filter(name => name) };
    }
};

const play = async request => {
    now = request.now ?? null;
    try {
        say(await kinds[request.kind](request));
    } catch (trouble) {
        say({ error: `${trouble.code || trouble.name}: ${trouble.message}`.slice(0, 300) });
    }
};

readline.createInterface({ input: process.stdin }).on('line', line => {
    const said = JSON.parse(line);
    if (said.kind) play(said);
    else waiting.shift()(said);
});
