// permit_mx_backup: is this server a backup mail host of the recipient's domain?
#include "dialect/restrictions/judges.h"

#include <algorithm>

#include "dialect/restrictions/replies.h"

namespace postern::dialect::restrictions {

namespace {

using policy::questions::Servers;
using Hosts = std::vector<Servers::Host>;

constexpr const char* no_backup = "this server is no backup mail host of the domain";

/// Answers about the recipient's mail hosts. After `wait` nothing counts.
class MailHosts {
 public:
  MailHosts(Context& context, const Rule& rule) : context_(context), rule_(rule) {}

  /// Whether one of the hosts is this server: by its name, else by an address.
  Match include_us(const Hosts& hosts) {
    const ListPolicy& policy = context_.policy();
    for (const Servers::Host& host : hosts) {
      const Match named = policy.mydestination.contains(host.name, &context_.replies());
      if (named != Match::no) return named;
    }
    const IpAddress& reached = context_.evidence().session.server_ip;
    Match ours = Match::no;
    for (const Servers::Host& host : hosts) {
      const auto addresses = addresses_of(host);
      if (addresses.waiting) return Match::waiting;
      const bool own = std::ranges::any_of(
          addresses.records, [&](const IpAddress& one) { return policy.is_own(one, reached); });
      if (own) ours = Match::yes;
      if (own) break;
    }
    return ours;
  }

  /// Whether every address of the hosts is in permit_mx_backup_networks.
  Match are_permitted(const Hosts& hosts) {
    for (const Servers::Host& host : hosts) {
      const auto addresses = addresses_of(host);
      if (addresses.waiting) return Match::waiting;
      if (addresses.records.empty()) return Match::no;
      for (const IpAddress& one : addresses.records) {
        const Match in =
            context_.policy().mx_backup_networks.contains(one, &host.name, &context_.replies());
        if (in != Match::yes) return in;
      }
    }
    return Match::yes;
  }

  /// A host without addresses makes a later refusal temporary.
  policy::questions::HostAddresses addresses_of(const Servers::Host& host) {
    auto found =
        policy::questions::addresses_of(host.name, context_.answers(), context_.policy().families);
    if (!found.waiting && found.records.empty()) {
      const auto& words = replies::mail_hosts_unanswered;
      static_cast<void>(context_.defer_if_reject(
          rule_, words.code, words.enhanced,
          std::string(replies::mail_host_unanswered) + smtp::echo(host.name)));
      troubled_ = true;
    }
    return found;
  }

  /// Passes; a reason to defer keeps its words in the trace.
  RuleOutcome pass(const char* why) { return troubled_ ? RuleOutcome::pass : context_.pass(why); }

 private:
  Context& context_;
  const Rule& rule_;
  bool troubled_ = false;
};

}  // namespace

RuleOutcome judge_mx_backup(Context& context, const Rule& rule) {
  using Status = Servers::Status;
  const Address* recipient = context.recipient();
  if (recipient == nullptr) return context.pass(not_known_yet);
  const Match ours = context.is_authorised(*recipient);
  if (ours == Match::yes) return context.permit("a destination of ours");
  if (ours != Match::no) return context.domain_trouble(rule);
  if (recipient->routed && !context.policy().allow_untrusted_routing) {
    return context.pass("an address with a route");
  }
  if (recipient->domain.starts_with('[')) return context.pass("an address literal");
  const Servers servers = policy::questions::mail_hosts(recipient->domain, context.answers());
  const auto& unanswered = replies::mail_hosts_unanswered;
  switch (servers.status) {
    case Status::waiting:
      return RuleOutcome::wait;
    case Status::trouble:
      return context.defer_if_reject(rule, unanswered.code, unanswered.enhanced,
                                     std::string(unanswered.text) + "no answer of DNS");
    case Status::none:
    case Status::null_mx:
      return context.pass("the domain has no mail hosts");
    case Status::found:
      break;
  }
  // RFC 5321 §5.1: the lowest preference is asked first; there may be several with it.
  const unsigned lowest =
      std::ranges::min(servers.hosts, {}, &Servers::Host::preference).preference;
  Hosts best, others;
  for (const Servers::Host& host : servers.hosts) {
    (host.preference == lowest ? best : others).push_back(host);
  }
  MailHosts hosts(context, rule);
  const Match first = hosts.include_us(best);
  if (first == Match::waiting) return RuleOutcome::wait;
  if (first == Match::trouble) return context.domain_trouble(rule);
  if (first == Match::yes) return hosts.pass("this server is a first mail host of the domain");
  const Match backup = hosts.include_us(others);
  if (backup == Match::waiting) return RuleOutcome::wait;
  if (backup == Match::trouble) return context.domain_trouble(rule);
  if (backup == Match::no) return hosts.pass(no_backup);
  if (context.policy().limits_mx_backup) {
    const Match in = hosts.are_permitted(best);
    if (in == Match::waiting) return RuleOutcome::wait;
    if (in == Match::trouble) {
      return context.list_trouble(rule, "permit_mx_backup_networks");
    }
    if (in != Match::yes)
      return hosts.pass("a first mail host is not in permit_mx_backup_networks");
  }
  return context.permit("this server is a backup mail host of the domain");
}

}  // namespace postern::dialect::restrictions
