#include "plan/behind.h"

#include <algorithm>

#include "base/text.h"
#include "config/config.h"
#include "dialect/restrictions/layer.h"
#include "plan/player.h"
#include "policy/catalogue.h"
#include "policy/relaying.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;
namespace checks = policy::checks;
using policy::Evidence;
using policy::Route;
using policy::Stage;

namespace {

/// The gateway's check of DMARC; null: it has none (policy/gateway_layer.cc).
const policy::Check* dmarc_check(const app::Config& config) {
  switch (config.authentication.dmarc) {
    case policy::DmarcRule::enforce:
      return &checks::dmarc_aligned;
    case policy::DmarcRule::require:
      return &checks::dmarc_passed;
    case policy::DmarcRule::report:
      break;
  }
  return nullptr;
}

/// Whether a list of domains has patterns, so that a class may have domains of several, or rows
/// that only another program knows.
bool has_open_domains(const restrictions::ListPolicy& lists) {
  return std::ranges::any_of(lists.lists_of_domains(), [](const restrictions::Domains* domains) {
    return std::ranges::any_of(domains->tables(), [](const auto& table) {
      return table->is_pattern() || table->is_remote();
    });
  });
}

class Builder {
 public:
  Builder(const Version& version, const Deciding& deciding, Vocabulary& vocabulary, Facts& facts)
      : version_(version),
        deciding_(deciding),
        diagrams_(vocabulary.diagrams()),
        classes_(vocabulary.classes()),
        facts_(facts) {}

  Behind run() {
    const bool may_refuse = routes_refuse(*version_.config);
    std::vector<Ref> must;
    std::vector<Ref> may;
    for (const AddressClass& recipient : classes_.recipients) {
      const Route route = app::route_of(*recipient.one, *version_.directory, *version_.config);
      Behind one =
          route.webhook ? of_webhook(*recipient.one, route) : of_host(*recipient.one, route);
      if (!route.webhook && may_refuse) one.may = diagrams_.leaf(1);
      must.push_back(one.must);
      may.push_back(one.may);
    }
    Behind all{.must = diagrams_.choose(Vocabulary::variable(Axis::recipient), must),
               .may = diagrams_.choose(Vocabulary::variable(Axis::recipient), may)};
    if (const policy::Check* check = dmarc_check(*version_.config)) {
      const Ref refuses = facts_.over({.dmarc = true}, [check](const Evidence& evidence) -> Leaf {
        return check->judge(evidence, {}).refuses() ? 1 : 0;
      });
      all.must = diagrams_.either(all.must, refuses);
      all.may = diagrams_.either(all.may, refuses);
    }
    if (deciding_.scripts) all.may = diagrams_.leaf(1);
    if (deciding_.lists == nullptr) all.may = diagrams_.either(all.may, without_helo());
    return all;
  }

 private:
  Behind both(bool refuses) {
    return {diagrams_.leaf(refuses ? 1 : 0), diagrams_.leaf(refuses ? 1 : 0)};
  }

  /// Listeners may demand HELO.
  Ref without_helo() {
    std::vector<Ref> by_helo;
    for (const HeloClass& helo : classes_.helos) {
      by_helo.push_back(diagrams_.leaf(helo.name.empty() ? 1 : 0));
    }
    return diagrams_.choose(Vocabulary::variable(Axis::helo), by_helo);
  }

  /// A recipient that no webhook has: whether the lists that take it give it a route, as their
  /// layer does, and whether there can be a next hop.
  Behind of_host(const mail::Mailbox& recipient, const Route& route) {
    if (route.kind == Route::Kind::relay) return both(false);  // <postmaster> of this host
    if (!may_be_taken(deciding_, recipient, route)) return both(true);
    const std::string& domain = recipient.domain;
    // An address without domain is completed; another needs one that DNS can know.
    // A literal of this host stands for its name.
    const bool is_own_literal = domain.starts_with('[') &&
                                !version_.config->relay.relay_to_literals &&
                                takes_literal_(recipient);
    const bool may_lack_hop = !domain.empty() && !mail::Domain::parse(domain) && !is_own_literal;
    const bool is_taken =
        !deciding_.scripts && !may_lack_hop && policy::gives_route(policy::Grant::rules, route);
    return is_taken ? both(false) : Behind{diagrams_.leaf(0), diagrams_.leaf(1)};
  }

  Behind of_webhook(const mail::Mailbox& recipient, const Route& route) {
    const policy::Recipient whole{.address = recipient, .route = route};
    if (refuses_all(whole)) return both(true);
    Behind all = both(false);
    for (const policy::Rule* rule : refusing_rules(route.policy.get())) {
      if (!is_known(*rule->check)) {
        all.may = diagrams_.leaf(1);
        continue;
      }
      const Ref refuses = of_rule(*rule, whole);
      all.must = diagrams_.either(all.must, refuses);
      all.may = diagrams_.either(all.may, refuses);
    }
    return all;
  }

  static bool is_known(const policy::Check& check) {
    const policy::Check* known[] = {&checks::client_in_networks, &checks::client_authenticated,
                                    &checks::spf_domain_listed,  &checks::spf_authorised,
                                    &checks::dkim_signed,        &checks::dmarc_aligned,
                                    &checks::dmarc_passed};
    return std::ranges::find(known, &check) != std::end(known);
  }

  /// 1 where a rule that is_known() refuses.
  Ref of_rule(const policy::Rule& rule, const policy::Recipient& recipient) {
    const auto refuses = [&](const Evidence& evidence) -> Leaf {
      return rule.check->judge(evidence, rule.argument).refuses() ? 1 : 0;
    };
    if (rule.check == &checks::client_in_networks) {
      return over(Axis::client, [&](const Chosen& chosen) {
        return refuses(evidence_of(classes_, chosen, Stage::rcpt));
      });
    }
    if (rule.check == &checks::client_authenticated) {
      return over(Axis::session, [&](const Chosen& chosen) {
        Evidence evidence = evidence_of(classes_, chosen, Stage::rcpt);
        evidence.candidate = recipient;
        if (const auto& login = classes_.sessions[chosen[Axis::session]].login) {
          evidence.session.auth = app::identity_of(*login, *version_.directory, *version_.config);
        }
        return refuses(evidence);
      });
    }
    const bool dmarc = policy::has(rule.check->needs, policy::Need::dmarc);
    return facts_.over({.sender = rule.check == &checks::spf_domain_listed,
                        .spf = policy::has(rule.check->needs, policy::Need::spf),
                        .dkim = policy::has(rule.check->needs, policy::Need::dkim),
                        .dmarc = dmarc},
                       refuses);
  }

  template <class Judge>
  Ref over(Axis axis, const Judge& judge) {
    std::vector<Ref> children;
    Chosen chosen;
    for (std::size_t value = 0; value < classes_.count(axis); ++value) {
      chosen[axis] = value;
      children.push_back(diagrams_.leaf(judge(chosen)));
    }
    return diagrams_.choose(Vocabulary::variable(axis), children);
  }

  const Version& version_;
  const Deciding deciding_;
  const TakesLiteral takes_literal_ = takes_literal(*version_.config);
  Diagrams& diagrams_;
  const Classes& classes_;
  Facts& facts_;
};

}  // namespace

std::vector<const policy::Rule*> refusing_rules(const policy::WebhookPolicy* policy) {
  std::vector<const policy::Rule*> rules;
  if (policy == nullptr || policy->shadow) return rules;
  for (const Stage stage : {Stage::rcpt, Stage::message}) {
    for (const policy::Rule& rule : policy->plan.at(stage)) rules.push_back(&rule);
  }
  return rules;
}

bool routes_refuse(const app::Config& config) {
  return std::ranges::any_of(config.routes, [](const app::RouteConfig& route) {
    return std::ranges::any_of(route.to,
                               [](const std::string& to) { return to.starts_with("error"); });
  });
}

bool refuses_all(const policy::Recipient& recipient) {
  Evidence evidence;
  evidence.candidate = recipient;
  return checks::webhook_active.judge(evidence, {}).refuses() ||
         checks::policy_loaded.judge(evidence, {}).refuses();
}

bool may_be_taken(const Deciding& deciding, const mail::Mailbox& recipient, const Route& route) {
  if (route.kind == Route::Kind::relay || deciding.scripts) return true;
  if (deciding.lists == nullptr) return false;
  if (policy::gives_route(policy::Grant::rules, route)) return true;
  if (recipient.domain.empty() || has_open_domains(*deciding.lists)) return true;
  // After a DISCARD before RCPT any recipient is taken.
  if (!deciding.lists->delay_reject) return true;
  Evidence none;
  policy::Replies replies(none);
  return deciding.lists->domain_class(recipient.domain, &replies) !=
         restrictions::DomainClass::foreign;
}

Deciding deciding_in(const app::Config& config) {
  Deciding deciding;
  const restrictions::Loaded* loaded = config.restrictions.loaded();
  if (loaded != nullptr && !config.restrictions.section.shadow) {
    deciding.lists = loaded->compiled.policy.get();
  }
  const auto decides = [](const auto& scripts) {
    return scripts.loaded && scripts.mode == app::LuaMode::enforce;
  };
  deciding.scripts = decides(config.vsl) || decides(config.lua);
  return deciding;
}

void add_words(const policy::Webhook& webhook, const policy::WebhookPolicy* policy,
               restrictions::PolicyWords& words, FactWords& facts) {
  words.recipient_keys.insert(webhook.address);
  for (const policy::Rule* one : refusing_rules(policy)) {
    const policy::Rule& rule = *one;
    if (rule.check == &checks::client_in_networks) {
      for (const Cidr& network : std::get<CidrSet>(rule.argument).networks()) {
        words.clients.push_back(range_of(network));
      }
    } else if (rule.check == &checks::client_authenticated) {
      words.asks_login = true;
      for (const policy::Credential& known : policy->credentials)
        words.logins.insert(known.username);
    } else if (rule.check == &checks::spf_domain_listed) {
      for (const std::string& entry : std::get<policy::DomainSet>(rule.argument).entries()) {
        words.sender_keys.insert(lower(entry));
        words.helo_keys.insert(lower(entry));
      }
    } else if (rule.check == &checks::dkim_signed) {
      facts.signers.push_back(std::get<policy::DomainSet>(rule.argument));
    } else if (policy::has(rule.check->needs, policy::Need::dmarc)) {
      facts.asks_dmarc = true;
    }
  }
}

void add_words(const app::Config& config, FactWords& facts) {
  facts.asks_dmarc = facts.asks_dmarc || dmarc_check(config) != nullptr;
}

Behind behind_lists(const Version& version, const Deciding& deciding, Vocabulary& vocabulary,
                    Facts& facts) {
  return Builder(version, deciding, vocabulary, facts).run();
}

}  // namespace postern::plan
