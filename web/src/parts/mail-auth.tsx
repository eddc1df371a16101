// What was found out about a sender, in words: SPF, DKIM, DMARC.
import type { Schemas } from '../lib/api';
import { Foreign, Verdict, type Outcome } from './basic';

type Auth = NonNullable<Schemas['InboundMessage']['auth']>;

/** The colour of a result: only a pass is green, only what failed for good is red. */
export const resultTone = (result: string): Outcome =>
  result === 'pass' ? 'accepted' : result === 'fail' || result === 'permerror' || result === 'policy' ? 'refused' : result === 'softfail' || result === 'temperror' ? 'deferred' : 'none';

const spfWords: Record<string, string> = {
  pass: 'The client may send for this domain.', fail: 'The domain says that this client may not send for it.', softfail: 'The domain says that this client probably may not send for it.', neutral: 'The domain says nothing about this client.',
  none: 'The domain has no SPF record.', permerror: 'The record of the domain is broken.', temperror: 'DNS did not answer.', skipped: 'Not checked.',
};
const dkimWords: Record<string, string> = {
  pass: 'The signature is valid.', fail: 'The signature does not match the message.', neutral: 'The signature cannot be used.', policy: 'The signature is valid but not acceptable.', permerror: 'The signature or its key is broken.',
  temperror: 'The key could not be read.', none: 'There is no signature.', skipped: 'Not checked.',
};
const dmarcWords: Record<string, string> = {
  pass: 'SPF or DKIM passed for the domain of the From field.', fail: 'Neither SPF nor DKIM passed for the domain of the From field.', none: 'The domain of the From field has no DMARC record.', permerror: 'The record is broken.', temperror: 'DNS did not answer.',
};

export function MailAuth({ auth }: { auth: Auth }) {
  const { spf, dkim, dmarc, arc } = auth;
  return <ul class="auth">
    <Line name="SPF" result={spf.result} words={spfWords[spf.result]} about={[spf.domain, spf.mechanism, spf.reason]} aligned={spf.result === 'pass' ? spf.aligned : undefined} />
    {dkim.length === 0 ? <Line name="DKIM" result="none" words={dkimWords.none} about={[]} /> : dkim.map((d, i) => <Line key={i} name="DKIM" result={d.result} words={dkimWords[d.result]} about={[d.domain ? `${d.domain}/${d.selector}` : '', d.algorithm, d.reason]} aligned={d.result === 'pass' ? d.aligned : undefined} />)}
    <Line name="DMARC" result={dmarc.result} words={dmarcWords[dmarc.result]} about={[dmarc.domain, dmarc.policy ? `p=${dmarc.policy}` : '']} />
    {arc && arc.result !== 'none' ? <Line name="ARC" result={arc.result} words={arc.result === 'pass' ? 'The seals of the forwarders are valid.' : 'The seals of the forwarders are not valid.'} about={[arc.sealers?.join(', '), arc.reason]} /> : null}
  </ul>;
}

function Line({ name, result, words, about, aligned }: { name: string; result: string; words?: string; about: (string | null | undefined)[]; aligned?: boolean }) {
  const known = about.filter(Boolean).join(' · ');
  return <li><Verdict is={resultTone(result)}>{name} {result}</Verdict><span>{words}{aligned === undefined ? '' : aligned ? ' It is the domain of the From field.' : ' It is not the domain of the From field.'}{known ? <span class="sub"><Foreign text={known} /></span> : null}</span></li>;
}
