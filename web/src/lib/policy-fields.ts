// Made from src/dialect/webhook/fields.cc and controls.cc: POSTERN_WRITE_DOCS=1 dialect_webhook_test writes this file.

/** The fields of a policy. In `hint` code is between backticks. `needs`: the flag without which the list is refused. */
export const fields = [
  { name: 'name', kind: 'name', label: 'Name', hint: '', needs: '' },
  { name: 'allowed_source_ips', kind: 'list', label: 'Source IP allowlist', hint: 'Networks that may connect, one per line. Empty means any address.', needs: '' },
  { name: 'require_smtp_auth', kind: 'flag', label: 'Require SMTP AUTH', hint: 'Senders sign in after STARTTLS. Without TLS they are refused.', needs: '' },
  { name: 'require_spf', kind: 'flag', label: 'Require SPF', hint: 'Only a pass is enough: softfail, neutral and no record are refused too.', needs: '' },
  { name: 'allowed_spf_domains', kind: 'list', label: 'Allowed SPF domains', hint: 'Envelope sender domains, one per line. `.example.com` means every subdomain.', needs: 'require_spf' },
  { name: 'require_dkim', kind: 'flag', label: 'Require DKIM', hint: 'At least one valid signature.', needs: '' },
  { name: 'allowed_dkim_domains', kind: 'list', label: 'Allowed DKIM domains', hint: 'Domains that sign, one per line.', needs: 'require_dkim' },
  { name: 'checks', kind: 'list', label: 'Other checks', hint: 'Names, one per line: `helo_literal_is_client`.', needs: '' },
  { name: 'mode', kind: 'mode', label: 'Mode', hint: '', needs: '' },
  { name: 'smtp_credentials', kind: 'credentials', label: 'SMTP credentials', hint: '', needs: '' },
] as const;

/** The controls in the order of evaluation. `fields`: the first switches it on; `named`: if that list has its name. */
export const controls = [
  { name: 'source_ip', label: 'Source IP', brief: 'IP', stage: 'rcpt', fields: ['allowed_source_ips'], named: false },
  { name: 'smtp_auth', label: 'SMTP AUTH', brief: 'AUTH', stage: 'rcpt', fields: ['require_smtp_auth', 'smtp_credentials'], named: false },
  { name: 'helo_literal_is_client', label: 'HELO literal', brief: 'HELO literal', stage: 'rcpt', fields: ['checks'], named: true },
  { name: 'spf', label: 'SPF', brief: 'SPF', stage: 'data', fields: ['require_spf', 'allowed_spf_domains'], named: false },
  { name: 'dkim', label: 'DKIM', brief: 'DKIM', stage: 'data', fields: ['require_dkim', 'allowed_dkim_domains'], named: false },
] as const;
