// The keywords about servers of a name, check_SUBJECT_{mx,ns,a}_access;
// docs/restriction-keywords.md lists them.
#include "dialect/restrictions/judges.h"

namespace postern::dialect::restrictions {

namespace {

/// The part after the last `@`; of an address without domain the whole.
std::string domain_or_whole(const Address& address) {
  const std::string text = address.text();
  const std::size_t at = text.rfind('@');
  return at == std::string::npos ? text : text.substr(at + 1);
}

RuleOutcome check_servers_of(Context& context, const Rule& rule, std::string_view name,
                             ServersOf which) {
  // The owner of a domain can name any host as its server.
  return without_permit(context, rule,
                        check_servers(context, rule, name, rule.keyword->subject, which),
                        "servers that others name may not permit");
}

}  // namespace

RuleOutcome judge_servers(Context& context, const Rule& rule, ServersOf which) {
  const Subject subject = rule.keyword->subject;
  if (subject == Subject::client || subject == Subject::reverse_client) {
    const policy::ClientName& client = context.client_name();
    if (client.status == policy::ClientName::Status::waiting) return RuleOutcome::wait;
    const std::string& name = subject == Subject::client ? client.name : client.reverse_name;
    if (name.empty()) return context.pass("the client has no such name");
    return check_servers_of(context, rule, name, which);
  }
  if (subject == Subject::helo) {
    if (context.helo().empty()) return context.pass(not_known_yet);
    return check_servers_of(context, rule, context.helo(), which);
  }
  const Address* address = subject == Subject::sender ? context.sender() : context.recipient();
  if (address == nullptr) return context.pass(not_known_yet);
  if (address->is_null()) return context.pass("the null reverse-path");
  return check_servers_of(context, rule, domain_or_whole(*address), which);
}

}  // namespace postern::dialect::restrictions
