#include "dialect/kumo/api.h"

#include "dialect/kumo/address_header.h"
#include "dialect/kumo/auth_results.h"
#include "dialect/kumo/cidr_map_bind.h"
#include "dialect/kumo/dkim_data.h"
#include "dialect/kumo/dkim_signer.h"
#include "dialect/kumo/domain_map_bind.h"
#include "dialect/kumo/egress.h"
#include "dialect/kumo/elsewhere.h"
#include "dialect/kumo/events.h"
#include "dialect/kumo/helper_modules.h"
#include "dialect/kumo/library.h"
#include "dialect/kumo/listener.h"
#include "dialect/kumo/message.h"
#include "dialect/kumo/queues_bind.h"
#include "dialect/kumo/refusal.h"
#include "dialect/kumo/session.h"
#include "script/memoize.h"

namespace postern::dialect::kumo {

namespace {

constexpr script::HostFunction memoize_functions[] = {
    {"kumo.memoize",
     "f: function, options: { name: string, ttl: Duration, capacity: integer, negative_ttl?: "
     "Duration, populate_timeout?: Duration, retry_on_populate_timeout?: boolean, "
     "invalidate_with_epoch?: boolean, allow_stale_reads?: boolean }",
     "function",
     "A function that remembers the results of `f` by its arguments: for `ttl`, at most `capacity` "
     "of them, in one cache for all threads; nil and false for `negative_ttl`. Who asks for what "
     "is "
     "being computed waits for it, `populate_timeout` at most. Errors are not remembered. Results "
     "are data, or a DomainMap or CidrMap; the last two options have no effect.",
     script::memoize},
};

constexpr script::HostFunction queue_module[] = {
    {"policy-extras.queue:setup", "file_names: (string|table)[]", "QueueHelper",
     "Reads and checks the files, in this order; a table stands for a file. Once in a policy, "
     "while "
     "it loads.",
     nullptr},
    {"policy-extras.queue:setup_with_options",
     "options: { file_names: (string|table)[], skip_queue_config_hook?: boolean, "
     "invalidate_with_epoch?: boolean }",
     "QueueHelper", "The same; the other options have no effect.", nullptr},
    {"QueueHelper:apply", "msg: Message", "",
     "Finds out the message's tenant and campaign, and refuses it when its sender may not use that "
     "tenant. For `smtp_server_message_received`.",
     nullptr},
    {"QueueHelper:resolve_config", "domain?: string, tenant?: string, campaign?: string",
     "table|nil", "The options that hold for a queue.", nullptr},
};

constexpr script::HostFunction listener_domains_module[] = {
    {"policy-extras.listener_domains:setup", "file_names: (string|table)[]",
     "fun(domain: string, listener: string, conn_meta: ConnMeta): ListenerDomain|nil",
     "Reads and checks the files; the result is a handler of `get_listener_domain`.", nullptr},
};

constexpr script::HostFunction mail_auth_module[] = {
    {"policy-extras.mail_auth.check", "msg: Message, options?: MailAuthOptions", "MailAuthResults",
     "Checks who vouches for a message, and tells those behind in an Authentication-Results field.",
     nullptr},
    {"policy-extras.mail_auth.iprev", "ip: string, resolver?: string", "AuthenticationResult",
     "Whether an address has a name that has the address (RFC 8601).", nullptr},
    {"policy-extras.mail_auth.iprev_msg", "msg: Message, resolver?: string", "AuthenticationResult",
     "The same of the client that the message came from.", nullptr},
};

constexpr DataField result_fields[] = {
    {"method", "string", "`spf`, `dkim`, `dmarc`, `arc`, `iprev`, `auth`."},
    {"method_version", "integer", "1."},
    {"result", "string", "`pass`, `fail`, `none`, `temperror` and so on (RFC 8601)."},
    {"reason?", "string", "Why it did not pass."},
    {"props", "table<string, string>", "What was looked at: `smtp.mailfrom`, `header.d`."},
};
constexpr DataField spf_fields[] = {
    {"disposition", "string", "The result's word."},
    {"result", "AuthenticationResult", "The result."},
};
constexpr DataField mail_auth_option_fields[] = {
    {"dkim?", "boolean", "`false` leaves it out; so with the others."},
    {"spf?", "boolean", "SPF of the envelope."},
    {"iprev?", "boolean", "Whether the client's address has a name that has the address."},
    {"smtp_auth?", "boolean", "Whether the client authenticated."},
    {"dmarc?", "boolean", "DMARC."},
    {"arc?", "boolean", "The ARC chain."},
    {"add_auth_results_header?", "boolean", "`false` leaves the message as it is."},
    {"server_id?", "string", "The name that the field is written under; else the listener's."},
    {"resolver?", "string", "Accepted, without effect."},
};
constexpr DataField mail_auth_result_fields[] = {
    {"dkim?", "AuthenticationResult[]",
     "One for each signature; without a signature one that says `none`."},
    {"spf?", "AuthenticationResult", "SPF of the envelope."},
    {"iprev?", "AuthenticationResult", "Whether the address has its name."},
    {"smtp_auth?", "AuthenticationResult", "Whether the client authenticated."},
    {"dmarc?", "AuthenticationResult", "DMARC."},
    {"arc?", "AuthenticationResult", "The ARC chain."},
    {"auth_results", "AuthenticationResult[]", "All of them, as the header field has them."},
};

constexpr DataField identity_fields[] = {
    {"identity", "string", "The name."},
    {"context", "AuthContext", "What the name is: whose password it was, or for whom one acts."},
};
constexpr DataField auth_info_fields[] = {
    {"identities", "AuthIdentity[]",
     "Without an authentication identity it is the first; without an authorization identity it is "
     "the authentication identity."},
    {"groups?", "string[]", "Groups of the client."},
    {"peer_address?", "string", "Accepted, without effect."},
};
constexpr DataField listener_domain_fields[] = {
    {"relay_to?", "boolean", "Whether mail for the domain is taken from everybody."},
    {"relay_from?", "string[]",
     "Networks whose clients may send from the domain to anywhere: `192.0.2.0/24`."},
    {"log_oob?", "ReportHandling",
     "Whether bounces that come later are taken, and then passed on: multipart/report of the type "
     "delivery-status (RFC 3464)."},
    {"log_arf?", "ReportHandling", "The same of complaints: feedback-report (RFC 5965)."},
};
constexpr DataField listener_fields[] = {
    {"listen", "string", "`192.0.2.1:25`, `[2001:db8::1]:25`."},
    {"hostname?", "string", "What the listener calls itself; else `server.hostname`."},
    {"banner?", "string", "What the greeting says behind the name."},
    {"relay_hosts?", "string[]",
     "Networks whose mail is passed on anywhere; else those of this machine alone."},
    {"tls_certificate?", "KeySource",
     "A PEM file, or where its text is; without it the server makes one."},
    {"tls_private_key?", "KeySource", "The key of that certificate."},
    {"client_timeout?", "Duration", "How long the client may be silent; else a minute."},
    {"max_message_size?", "integer", "In octets; else 20 MiB."},
    {"max_recipients_per_message?", "integer", "Else 1024."},
    {"max_messages_per_connection?", "integer", "Else 10000."},
    {"line_length_hard_limit?", "integer", "Octets of a line; else 998."},
    {"invalid_line_endings?", "'Deny'|'Allow'|'Fix'",
     "Lines that do not end in CRLF; else 'Deny'."},
    {"max_connections?", "integer", "At a time; else 32768. More are told 421."},
    {"meta?", "table", "Values that every connection begins with."},
    {"peer?", "table<string, ListenerOptions>",
     "By network: what is otherwise for its clients. The closest network counts; `listen` and "
     "`max_connections` are not among it."},
    {"via?", "table<string, ListenerOptions>",
     "The same by the network of the address they came to; comes behind `peer`."},
};

constexpr DataField dkim_fields[] = {
    {"domain", "string", "Who signs (d=)."},
    {"selector", "string", "Of the key's record (s=)."},
    {"headers", "string[]", "The fields that are signed; From must be one."},
    {"key", "KeySource", "RSA of 1024 to 4096 bits or Ed25519, PEM, without a passphrase."},
    {"over_sign?", "boolean", "Each field once more than it is there, so that none can be added."},
    {"expiration?", "integer", "Seconds for which the signature is good (x=)."},
    {"agent_user_identifier?", "string", "On whose behalf it is signed (i=)."},
    {"header_canonicalization?", "'Relaxed'|'Simple'", "Else 'Relaxed'."},
    {"body_canonicalization?", "'Relaxed'|'Simple'", "Else 'Relaxed'."},
    {"ttl?", "number", "Accepted, without effect: see kumo.memoize."},
};
constexpr DataField shaper_fields[] = {
    {"get_egress_path_config", "function", "No effect here."},
    {"get_queue_config", "function", "No effect here."},
    {"should_enqueue_log_record", "function", "No effect here."},
    {"setup_publish", "function", "No effect here."},
};
constexpr DataField warmer_fields[] = {
    {"wrap", "fun(handler: function): function", "The handler as it is."},
    {"apply_to_params", "function", "No effect here."},
};

constexpr DataType types[] = {
    {"Duration", "Seconds, or a text such as `10s`, `5 minutes`, `1h 30m`.", "number|string", {}},
    {"KeySource",
     "A file's name, or where else a secret is: see `kumo.secrets.load`.",
     "string|{key_data: string}|{vault_mount: string, vault_path: string, vault_key?: string, "
     "vault_address?: string, vault_token?: string}",
     {}},
    {"AuthContext",
     "What an identity is.",
     "'SmtpAuthPlainAuthorization'|'SmtpAuthPlainAuthentication'|'HttpBasicAuth'|'BearerToken'|"
     "'ProxyAuthRfc1929'|'LocalSystem'|'GenericAuth'",
     {}},
    {"AuthIdentity", "One of a client's names.", "", identity_fields},
    {"AuthInfo", "Who a client is, and for whom it may act.", "", auth_info_fields},
    {"AuthenticationResult", "What came of one method (RFC 8601).", "", result_fields},
    {"SpfAnswer", "What SPF says.", "", spf_fields},
    {"MailAuthOptions", "What `check` looks at.", "", mail_auth_option_fields},
    {"MailAuthResults", "What it found.", "", mail_auth_result_fields},
    {"ReportHandling",
     "What becomes of reports.",
     "boolean|'Ignore'|'LogThenDrop'|'LogThenRelay'",
     {}},
    {"ListenerDomain", "Who may send to or from a domain.", "", listener_domain_fields},
    {"ListenerOptions", "Of a listener that a policy starts.", "", listener_fields},
    {"DkimParameters", "Of a signer.", "", dkim_fields},
    {"Shaper", "What the shaping helper gives; nothing takes it here.", "", shaper_fields},
    {"Warmer", "What the warm-up helper gives; nothing takes it here.", "", warmer_fields},
};

}  // namespace

std::vector<script::HostTable> all_functions() {
  std::vector<script::HostTable> tables = library();
  for (const script::HostTable table :
       {event_functions(), refusal_functions(), session_functions(), message_functions(),
        message_header_functions(), address_header_functions(), dkim_signer_functions(),
        auth_results_functions(), listener_functions(), queues_functions(), domain_map_functions(),
        cidr_map_functions(), egress_functions(), elsewhere_functions(), dkim_data_functions(),
        script::HostTable(memoize_functions)}) {
    tables.push_back(table);
  }
  return tables;
}

std::span<const script::SharedClass> shared_classes() {
  static const script::SharedClass classes[] = {domain_map_class(), cidr_map_class(),
                                                dkim_signer_class()};
  return classes;
}

std::span<const Module> all_modules() {
  static const Module modules[] = {
      {"policy-extras.queue", queue_module_text(), queue_module},
      {"policy-extras.listener_domains", listener_domains_module_text(), listener_domains_module},
      {"policy-extras.mail_auth", mail_auth_module_text(), mail_auth_module},
  };
  static const std::vector<Module> all = [] {
    std::vector<Module> list(std::begin(modules), std::end(modules));
    for (const Module& one : helper_modules()) list.push_back(one);
    return list;
  }();
  return all;
}

std::span<const DataType> all_types() { return types; }

}  // namespace postern::dialect::kumo
