#include "policy/catalogue.h"

#include <algorithm>

#include <fmt/format.h>

#include "policy/directory.h"
#include "policy/questions/offered.h"
#include "policy/replies.h"
#include "policy/webhook.h"

namespace postern::policy::checks {

namespace {

using questions::Trouble;

const Webhook* candidate_webhook(const Evidence& evidence) {
  return evidence.candidate ? evidence.candidate->route.webhook.get() : nullptr;
}

Verdict judge_recipient_known(const Evidence& evidence, const Argument&) {
  if (!evidence.candidate) return pass_on("no recipient");
  const Route& route = evidence.candidate->route;
  if (route.kind == Route::Kind::webhook) return pass_on("owned by " + route.webhook->id);
  if (route.kind == Route::Kind::relay) return pass_on("let through by the layers before");
  if (route.missing == Route::Missing::unknown_address) {
    return refuse(550, {5, 1, 1}, "no such recipient here",
                  "no webhook has this address in a domain of ours");
  }
  // RFC 5321 §3.6.2: a relay refuses with 550. No layer has granted relaying.
  return refuse(550, {5, 7, 1},
                "relay not permitted to " + smtp::echo(evidence.candidate->address.domain),
                "the domain is none of ours and nothing grants a relay");
}

Verdict judge_webhook_active(const Evidence& evidence, const Argument&) {
  const Webhook* webhook = candidate_webhook(evidence);
  if (webhook == nullptr || webhook->is_active) return pass_on("active");
  return refuse(550, {5, 2, 1}, "recipient is deactivated", "the webhook is not active");
}

Verdict judge_policy_loaded(const Evidence& evidence, const Argument&) {
  const Webhook* webhook = candidate_webhook(evidence);
  if (webhook != nullptr && webhook->is_unreadable) {
    return replies::trouble(Stage::rcpt, Trouble::local, webhook->id + " cannot be read");
  }
  if (webhook == nullptr || !webhook->policy_id) return pass_on("no policy");
  if (evidence.candidate->route.policy) {
    const WebhookPolicy& policy = *evidence.candidate->route.policy;
    return pass_on(fmt::format("{} version {}", policy.id, policy.version));
  }
  return replies::trouble(Stage::rcpt, Trouble::local,
                          *webhook->policy_id + " is attached but not loaded");
}

Verdict judge_client_in_networks(const Evidence& evidence, const Argument& argument) {
  return replies::client_in(questions::client_in(evidence, std::get<CidrSet>(argument)));
}

/// The argument names the policy whose credential list must have granted the authentication;
/// without one any authentication will do.
Verdict judge_client_authenticated(const Evidence& evidence, const Argument& argument) {
  const auto* wanted = std::get_if<std::vector<std::string>>(&argument);
  const bool any = wanted == nullptr || wanted->empty();
  return replies::opens_policy(questions::opens_policy(evidence, any ? "" : wanted->front()));
}

Verdict judge_rate_available(const Evidence& evidence, const Argument&) {
  return replies::rate(questions::rate(evidence));
}

/// VRFY asks about an address and adds no recipient (RFC 5321 §4.1.1.6): what the transaction in
/// progress has no room for is accepted in the next one, so it is no answer. 452 is not among the
/// replies to VRFY either (§4.3.2), and 252 promises an attempt, not this transaction (§3.5.3).
bool asks_about_the_address(const Evidence& evidence) {
  return evidence.vrfy != Evidence::Vrfy::no;
}

Verdict judge_one_webhook(const Evidence& evidence, const Argument&) {
  if (asks_about_the_address(evidence)) return pass_on("VRFY adds no recipient");
  if (evidence.recipients.empty()) return pass_on("first recipient");
  const Webhook* webhook = candidate_webhook(evidence);
  const Webhook* first = evidence.recipients.front().route.webhook.get();
  if (first == nullptr && webhook == nullptr) return pass_on("no webhook");
  if (first != nullptr && webhook != nullptr && first->id == webhook->id) {
    return pass_on("same webhook");
  }
  return refuse(
      452, {4, 5, 3}, "one webhook a message: send to this recipient separately",
      fmt::format("the first recipient belongs to {}", first ? first->id : "another route"));
}

Verdict judge_webhook_recipients(const Evidence& evidence, const Argument& argument) {
  if (asks_about_the_address(evidence)) return pass_on("VRFY adds no recipient");
  const std::uint64_t limit = std::get<std::uint64_t>(argument);
  const std::size_t accepted = evidence.recipients.size();
  if (accepted < limit) return pass_on(fmt::format("{} of {}", accepted + 1, limit));
  const std::string key = evidence.candidate ? address_key(evidence.candidate->address) : "";
  for (const Recipient& known : evidence.recipients) {
    if (address_key(known.address) == key) return pass_on("a repeated recipient");
  }
  return refuse(452, {4, 5, 3}, fmt::format("too many recipients: {} a message at most", limit),
                fmt::format("{} accepted", accepted));
}

/// "policy pol_1 version 2"
std::string in_force(const Route& route) {
  if (route.kind != Route::Kind::webhook) return "no webhook";
  if (route.policy) return fmt::format("{} version {}", route.policy->id, route.policy->version);
  return route.webhook->policy_id ? *route.webhook->policy_id + " (not loaded)" : "no policy";
}

Verdict judge_policy_in_force(const Evidence& evidence, const Argument&) {
  if (!evidence.candidate || !evidence.candidate->judged) return pass_on("as at RCPT");
  const Recipient& candidate = *evidence.candidate;
  std::string was = in_force(*candidate.judged);
  std::string is = in_force(candidate.route);
  if (was == is) return pass_on(fmt::format("{}, as at RCPT; the webhook was edited", is));
  return pass_on(fmt::format("RCPT was judged by {}; in force is {}", was, is));
}

Verdict judge_recipient_still_owned(const Evidence& evidence, const Argument&) {
  if (!evidence.candidate || !evidence.candidate->judged) return pass_on("as at RCPT");
  const Route& was = *evidence.candidate->judged;
  const Route& is = evidence.candidate->route;
  if (is.kind != Route::Kind::webhook) {
    return refuse(550, {5, 2, 1}, "no such webhook any more",
                  "the webhook was deleted, or its address changed, since RCPT");
  }
  if (was.webhook && was.webhook->id == is.webhook->id)
    return pass_on("still owned by " + is.webhook->id);
  return replies::trouble(Stage::message, Trouble::local,
                          fmt::format("the address went from {} to {} since RCPT",
                                      was.webhook ? was.webhook->id : "nobody", is.webhook->id));
}

Verdict judge_still_signed_in(const Evidence& evidence, const Argument&) {
  const bool relayed = std::ranges::any_of(evidence.recipients, [](const Recipient& one) {
    return one.route.kind == Route::Kind::relay;
  });
  if (!evidence.revoked_meanwhile || !relayed) return pass_on("nothing hangs on a credential");
  return {Verdict::Kind::reject, replies::login_required(),
          "the credential was revoked after recipients elsewhere had been accepted"};
}

Verdict judge_received_loop(const Evidence& evidence, const Argument& argument) {
  const std::uint64_t limit = std::get<std::uint64_t>(argument);
  const std::uint64_t seen = evidence.message ? evidence.message->received_fields : 0;
  std::string detail = fmt::format("{} Received fields, {} at most", seen, limit);
  if (seen <= limit) return pass_on(std::move(detail));
  return refuse(554, {5, 4, 6}, "mail loop: " + detail, detail);  // RFC 5321 §6.3
}

Verdict judge_header_limits(const Evidence& evidence, const Argument& argument) {
  const auto& limits = std::get<SizeLimits>(argument);
  const MessageFacts facts = evidence.message.value_or(MessageFacts{});
  std::string detail = fmt::format("{} fields in {} octets, {} in {} at most", facts.header_fields,
                                   facts.header_size, limits.count, limits.octets);
  if (facts.header_fields <= limits.count && facts.header_size <= limits.octets) {
    return pass_on(std::move(detail));
  }
  return refuse(554, {5, 6, 0}, "header section too large: " + detail, detail);
}

}  // namespace

constexpr Check recipient_known{
    .name = "recipient_known",
    .stage = Stage::rcpt,
    .needs = Need::none,
    .judge = judge_recipient_known,
    .help =
        "A route owns the recipient. Without a route, an address in a domain of ours does not "
        "exist, and one in any other domain would be relayed to.",
    .replies = "550 5.1.1, 550 5.7.1",
    .control = ""};
constexpr Check webhook_active{.name = "webhook_active",
                               .stage = Stage::rcpt,
                               .needs = Need::none,
                               .judge = judge_webhook_active,
                               .help = "The recipient's webhook is switched on.",
                               .replies = "550 5.2.1",
                               .control = ""};
constexpr Check policy_loaded{
    .name = "policy_loaded",
    .stage = Stage::rcpt,
    .needs = Need::none,
    .judge = judge_policy_loaded,
    .help =
        "The webhook and the policy attached to it are loaded. If the database has something of "
        "them that cannot be read, mail is deferred rather than accepted unchecked.",
    .replies = "451 4.3.0",
    .control = ""};
constexpr Check client_in_networks{
    .name = "client_in_networks",
    .stage = Stage::rcpt,
    .needs = Need::none,
    .judge = judge_client_in_networks,
    .help =
        "The client's address is in one of the networks. IPv6 clients never match IPv4 networks; "
        "HELO, reverse DNS and Received fields are not used.",
    .replies = "550 5.7.1",
    .control = "source_ip"};
constexpr Check client_authenticated{
    .name = "client_authenticated",
    .stage = Stage::rcpt,
    .needs = Need::none,
    .judge = judge_client_authenticated,
    .help =
        "The client has authenticated with credentials of this policy, and they have not changed "
        "since.",
    .replies = "530 5.7.0, 550 5.7.1",
    .control = "smtp_auth"};
constexpr Check rate_available{
    .name = "rate_available",
    .stage = Stage::rcpt,
    .needs = Need::rate_tokens,
    .judge = judge_rate_available,
    .help =
        "The webhook's rate limit has room for a message. The check itself uses up none of it: "
        "refused mail does not count.",
    .replies = "450 4.2.1",
    .control = "rate_limit"};
constexpr Check one_webhook_a_message{
    .name = "one_webhook_a_message",
    .stage = Stage::rcpt,
    .needs = Need::none,
    .judge = judge_one_webhook,
    .help =
        "All recipients of a message belong to the webhook of the first one: a message has one "
        "final reply. The client repeats the others in a new transaction.",
    .replies = "452 4.5.3",
    .control = ""};
constexpr Check webhook_recipients{
    .name = "webhook_recipients",
    .stage = Stage::rcpt,
    .needs = Need::none,
    .judge = judge_webhook_recipients,
    .help = "A message to a webhook has a limited number of recipients.",
    .replies = "452 4.5.3",
    .control = ""};
constexpr Check policy_in_force{
    .name = "policy_in_force",
    .stage = Stage::message,
    .needs = Need::none,
    .judge = judge_policy_in_force,
    .help =
        "Records which version of the policy judged RCPT and which is in force at the end of "
        "data. If the webhook or its policy was edited in between, the checks of RCPT run again "
        "before those of the message.",
    .replies = "none",
    .control = ""};
constexpr Check recipient_still_owned{
    .name = "recipient_still_owned",
    .stage = Stage::message,
    .needs = Need::none,
    .judge = judge_recipient_still_owned,
    .help =
        "The webhook of an accepted recipient still exists and still has the address. Runs if the "
        "webhook was edited after RCPT.",
    .replies = "550 5.2.1, 451 4.3.0",
    .control = ""};
constexpr Check still_signed_in{
    .name = "still_signed_in",
    .stage = Stage::message,
    .needs = Need::none,
    .judge = judge_still_signed_in,
    .help =
        "The credential of a client that mail is relayed for was neither changed nor revoked "
        "after RCPT.",
    .replies = "530 5.7.0",
    .control = ""};
constexpr Check received_loop{.name = "received_loop",
                              .stage = Stage::message,
                              .needs = Need::none,
                              .judge = judge_received_loop,
                              .help =
                                  "The message has not passed so many servers that it must be in "
                                  "a loop (RFC 5321 §6.3).",
                              .replies = "554 5.4.6",
                              .control = ""};
constexpr Check header_limits{
    .name = "header_limits",
    .stage = Stage::message,
    .needs = Need::none,
    .judge = judge_header_limits,
    .help = "The header section is within its limits of fields and octets.",
    .replies = "554 5.6.0",
    .control = ""};

std::span<const Check* const> all() {
  static const std::vector<const Check*> list = [] {
    std::vector<const Check*> own = {
        &recipient_known,      &webhook_active,    &policy_loaded,         &client_in_networks,
        &client_authenticated, &rate_available,    &one_webhook_a_message, &webhook_recipients,
        &policy_in_force,      &spf_domain_listed, &spf_authorised,        &dkim_signed,
        &dmarc_aligned,        &dmarc_passed,      &recipient_still_owned, &still_signed_in,
        &received_loop,        &header_limits};
    for (const Check& one : questions::offered_checks()) own.push_back(&one);
    return own;
  }();
  return list;
}

const Check* find(std::string_view name) {
  const auto list = all();
  const auto found = std::find_if(list.begin(), list.end(),
                                  [name](const Check* check) { return check->name == name; });
  return found == list.end() ? nullptr : *found;
}

std::string_view control_of(std::string_view name) {
  const Check* check = find(name);
  return check == nullptr ? std::string_view() : check->control;
}

namespace {

struct Describe {
  static constexpr std::size_t shown = 5;

  template <class T, class Text>
  static std::string list(const std::vector<T>& items, Text text) {
    std::string result;
    for (std::size_t i = 0; i < std::min(items.size(), shown); ++i) {
      if (i > 0) result += ", ";
      result += text(items[i]);
    }
    if (items.size() > shown) result += fmt::format(" and {} more", items.size() - shown);
    return result;
  }
  std::string operator()(std::monostate) const { return {}; }
  std::string operator()(const CidrSet& set) const { return questions::described(set.networks()); }
  std::string operator()(const std::vector<std::string>& names) const {
    return list(names, [](const std::string& name) { return name; });
  }
  std::string operator()(const DomainSet& set) const { return (*this)(set.entries()); }
  std::string operator()(std::uint64_t number) const { return std::to_string(number); }
  std::string operator()(const SizeLimits& limits) const {
    return fmt::format("{} in {} octets", limits.count, limits.octets);
  }
};

}  // namespace

std::string describe(const Argument& argument) { return std::visit(Describe{}, argument); }

std::string manual() {
  std::string page =
      "# Checks\n\n"
      "A check is one question with one implementation, whichever dialect asks it. This page is\n"
      "made from `src/policy/catalogue.cc` and `src/policy/questions/offered.h`; `policy_test` "
      "fails\n"
      "when they differ.\n"
      "*Control* is the word used for the check in delivery logs and dry runs.\n";
  for (std::size_t stage = 0; stage < stage_count; ++stage) {
    bool first = true;
    for (const Check* check : all()) {
      if (check->stage != static_cast<Stage>(stage)) continue;
      if (first) {
        page += fmt::format("\n## At stage `{}`\n\n", to_string(check->stage));
        page += "| check | it holds when | otherwise | control |\n|---|---|---|---|\n";
        first = false;
      }
      page += fmt::format("| `{}` | {} | {} | {} |\n", check->name, check->help, check->replies,
                          check->control);
    }
  }
  return page;
}

}  // namespace postern::policy::checks
