#include "plan/smt.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/layer.h"
#include "plan/player.h"
#include "plan/smt_tables.h"

namespace postern::plan {

namespace restrictions = dialect::restrictions;
using restrictions::Action;
using restrictions::List;
using restrictions::ListKind;
using restrictions::ListPolicy;
using restrictions::Rule;

namespace smt {
namespace {

/// How far a dialogue has come in the lists; each member is a term.
struct SmtState {
  std::string refused = "false";
  std::string over = "false";  ///< the list
  std::string if_permit = "false";
  std::string if_reject = "false";
  std::string discarded = "false";
};

/// What a rule does; each member is a term.
struct Effect {
  std::string permits = "false";
  std::string refuses = "false";
  std::string if_permit = "false";
  std::string if_reject = "false";
  std::string discards = "false";
  /// Rules of a table's row.
  struct Inner {
    std::string found;
    const List* rules;
    std::string passes;  ///< where what they permit is not permitted
  };
  std::vector<Inner> inner = {};
};

/// Where rules stand, by Rule::origin, as restrictions::definition_of() writes it.
std::map<std::string, std::string> places_in(const std::string& definition) {
  const boost::json::value lists = boost::json::parse(definition);
  const boost::json::value* places = lists.as_object().if_contains("places");
  if (places == nullptr) return {};
  return boost::json::value_to<std::map<std::string, std::string>>(*places);
}

/// States the lists of one version.
class Stated {
 public:
  /// `sheet` and `loaded` outlive it.
  Stated(Sheet& sheet, const restrictions::Loaded& loaded)
      : sheet_(sheet),
        policy_(*loaded.compiled.policy),
        tables_(sheet, policy_),
        places_(places_in(loaded.definition)) {}

  /// Of the recipient, by the rules of reject_unauth_destination.
  std::string ours() {
    return sheet_.define(all({authorised(), no(tables_.classes("rcpt").relay)}));
  }
  std::string relay() { return sheet_.define(all({authorised(), tables_.classes("rcpt").relay})); }
  std::string is_local(const std::string& who) { return tables_.classes(who).local; }

  /// Whether the dialogue is taken in the end.
  std::string taken() {
    SmtState state;
    sheet_.helo();
    sheet_.address("sender");
    if (policy_.helo_required) state.refused = "(not helo_given)";
    state = run(state, ListKind::client, "true", true);
    state = run(state, ListKind::helo, "helo_given", true);
    state = run(state, ListKind::sender, "true", true);
    if (policy_.reject_unlisted_sender) {
      state.refused = sheet_.define(
          any({state.refused,
               all({no(state.discarded), "(not sender_null)", tables_.unlisted("sender")})}));
    }
    const bool relay_first = policy_.relay_first;
    state = run(state, relay_first ? ListKind::relay : ListKind::recipient, "true", true);
    state = run(state, relay_first ? ListKind::recipient : ListKind::relay, "true", false);
    state = settled(state);
    if (policy_.reject_unlisted_recipient) {
      state.refused =
          sheet_.define(any({state.refused, all({no(state.discarded), tables_.unlisted("rcpt")})}));
    }
    state.if_permit = state.if_reject = "false";
    for (const ListKind kind : {ListKind::data, ListKind::end_of_data}) {
      if (!policy_.list(kind).empty()) state = settled(run(state, kind, "true", true));
    }
    return sheet_.define(no(state.refused));
  }

 private:
  std::string routed() {
    const std::string local = "rcpt_local";
    return any({has(local, '@'), has(local, '%'), has(local, '!')});
  }
  std::string untrusted() { return policy_.allow_untrusted_routing ? "false" : routed(); }
  std::string authorised() {
    const DomainTerms& one = tables_.classes("rcpt");
    return sheet_.define(
        all({any({one.local, one.alias, one.mailbox, one.relay}), no(untrusted())}));
  }

  /// The first row that is found says what the rule does.
  Effect first_of(const Ordered& rows, const std::string& passes) {
    Effect effect;
    std::string left = "true";  // no row so far
    for (const auto& [condition, value] : rows) {
      const std::string here = sheet_.define(condition);
      const std::string found = sheet_.define(all({left, here}));
      left = sheet_.define(all({left, no(here)}));
      const Action action = restrictions::parse_action(value, policy_);
      using Kind = Action::Kind;
      switch (action.kind) {
        case Kind::permit:
          effect.permits = any({effect.permits, all({found, no(passes)})});
          break;
        case Kind::refuse:
          effect.refuses = any({effect.refuses, found});
          break;
        case Kind::defer_if_permit:
          effect.if_permit = any({effect.if_permit, found});
          break;
        case Kind::defer_if_reject:
          effect.if_reject = any({effect.if_reject, found});
          break;
        case Kind::discard:
          effect.discards = any({effect.discards, found});
          break;
        case Kind::rules:
          effect.inner.push_back({found, action.list.get(), passes});
          kept_.push_back(action.list);
          break;
        case Kind::invalid:
          throw LeftOut("a row is an error");
        case Kind::pass:
        case Kind::hold:
        case Kind::note:
          break;
      }
    }
    return effect;
  }

  // Rules.

  Effect effect_of(const Rule& rule) {
    const std::string name(rule.keyword != nullptr ? rule.keyword->name : std::string_view());
    Effect effect;
    const std::string about = name.find("recipient") != std::string::npos ? "rcpt"
                              : name.find("sender") != std::string::npos  ? "sender"
                                                                          : "";
    const std::string some = about == "sender" ? "(not sender_null)" : "true";
    if (name == "permit") {
      effect.permits = "true";
    } else if (name == "reject" || name == "defer") {
      effect.refuses = "true";
    } else if (name == "defer_if_permit") {
      effect.if_permit = "true";
    } else if (name == "defer_if_reject") {
      effect.if_reject = "true";
    } else if (name == "sleep" || name == "reject_multi_recipient_bounce") {
      // It passes where there is one recipient.
    } else if (name == "permit_mynetworks") {
      effect.permits = tables_.in_mynetworks();
    } else if (name == "permit_sasl_authenticated") {
      sheet_.session();
      effect.permits = policy_.sasl ? "login" : "false";
    } else if (name == "reject_plaintext_session") {
      sheet_.session();
      effect.refuses = "(not tls)";
    } else if (name == "reject_unauth_pipelining") {
      sheet_.declare("commands_came_ahead", "Bool");
      effect.refuses = "commands_came_ahead";
    } else if (name == "permit_auth_destination") {
      effect.permits = authorised();
    } else if (name == "reject_unauth_destination" || name == "defer_unauth_destination") {
      effect.refuses = no(authorised());
    } else if (name == "check_relay_domains") {
      effect.permits = authorised();
      effect.refuses = no(authorised());
    } else if (name == "check_client_access") {
      effect = first_of(tables_.client_rows(*rule.table), "false");
    } else if (name == "check_helo_access") {
      effect = first_of(tables_.name_rows("helo", *rule.table), "false");
      given(effect, "helo_given");
    } else if (name == "check_sender_access" || name == "check_recipient_access") {
      effect = first_of(tables_.address_rows(about, *rule.table),
                        about == "rcpt" ? untrusted() : "false");
    } else if (name == "reject_unlisted_sender" || name == "reject_unlisted_recipient") {
      effect.refuses = all({some, tables_.unlisted(about)});
    } else if (name == "reject_unknown_sender_domain" ||
               name == "reject_unknown_recipient_domain") {
      const DomainTerms& one = tables_.classes(about);
      const std::string dns = sheet_.in_dns(about + "_domain");
      const std::string asked =
          sheet_.define(all({some, no(any({one.local, one.alias, one.mailbox})),
                             no(equal(about + "_domain", other_literal))}));
      const std::string fails = all({asked, fmt::format("(= {} 2)", dns)});
      effect.refuses = all({asked, fmt::format("(or (= {0} 1) (= {0} 3))", dns)});
      (policy_.defer_unknown_address ? effect.refuses : effect.if_permit) =
          policy_.defer_unknown_address ? any({effect.refuses, fails}) : fails;
    } else if (name == "reject_non_fqdn_sender" || name == "reject_non_fqdn_recipient") {
      effect.refuses = non_fqdn(about, some);
    } else if (name == "reject_rhsbl_sender" || name == "reject_rhsbl_recipient") {
      sheet_.address(about);
      const std::string domain = about + "_domain";
      effect.refuses = all({some, sheet_.is_host(domain, false),
                            rule.zone ? sheet_.listed(*rule.zone, domain) : "false"});
    } else if (name == "reject_rbl_client") {
      effect.refuses = rule.zone ? sheet_.listed(*rule.zone, "") : "false";
    } else if (name == "reject_unknown_client_hostname") {
      if (policy_.client_names) sheet_.client_name();
      effect.refuses = policy_.client_names ? "(not name_verified)" : "true";
    } else if (name == "reject_unknown_reverse_client_hostname") {
      if (policy_.client_names) sheet_.client_name();
      effect.refuses = policy_.client_names ? "(not name_found)" : "true";
    } else if (name.ends_with("_helo_hostname") || name == "reject_rhsbl_helo") {
      effect = about_helo(rule, name);
      given(effect, "helo_given");
    } else {
      throw LeftOut(fmt::format("`{}`", printable(rule.words, 100)));
    }
    return effect;
  }

  /// The same; what cannot be stated is kept, with where it stands.
  Effect effect_or_gap(const Rule& rule) {
    try {
      return effect_of(rule);
    } catch (const LeftOut& error) {
      const auto place = places_.find(rule.origin);
      sheet_.leave_out(fmt::format("{} ({}{})", error.what(), rule.origin,
                                   place == places_.end() ? "" : ", " + place->second));
      return {};
    }
  }

  /// Only where this holds.
  static void given(Effect& effect, const std::string& term) {
    for (std::string* one : {&effect.permits, &effect.refuses, &effect.if_permit, &effect.if_reject,
                             &effect.discards}) {
      *one = all({term, *one});
    }
    for (Effect::Inner& one : effect.inner) one.found = all({term, one.found});
  }

  std::string non_fqdn(const std::string& who, const std::string& some) {
    sheet_.address(who);
    const std::string domain = who + "_domain";
    // An address without a domain has that of myorigin, or that of a route through it.
    const std::string bare = who + "_bare";
    if (sheet_.declare(bare, "Bool")) {
      const bool is_local =
          policy_.domain_class(policy_.myorigin) == restrictions::DomainClass::local;
      if (!is_local) {
        sheet_.require(fmt::format("(=> {} {})", bare, equal(domain, policy_.myorigin)));
      }
      // <postmaster> is taken before the lists.
      if (who == "rcpt") {
        sheet_.require(
            no(all({bare, "(= rcpt_local \"postmaster\")", equal(domain, policy_.myorigin)})));
      }
      sheet_.require(
          fmt::format("(or (str.prefixof \"[\" {0}) (str.in_re {0} digits_and_dots) {1})", domain,
                      sheet_.is_host(domain, false)));
    }
    return all({some, no(fmt::format("(str.prefixof \"[\" {})", domain)),
                any({bare, no(sheet_.is_host(domain, true))})});
  }

  Effect about_helo(const Rule& rule, const std::string& name) {
    Effect effect;
    const std::string is_literal = equal("helo", own_literal);
    const std::string is_open = "(= helo \"[\")";
    const std::string is_host = sheet_.define(sheet_.is_host("helo", false));
    if (name == "reject_rhsbl_helo") {
      effect.refuses = all({is_host,
                            "(not (str.in_re helo (re.++ re.all (str.to_re \".\") (re.+ "
                            "(re.range \"0\" \"9\")))))",
                            rule.zone ? sheet_.listed(*rule.zone, "helo") : "false"});
    } else if (name == "reject_non_fqdn_helo_hostname") {
      effect.refuses = all({no(is_literal), no(sheet_.is_host("helo", true))});
    } else if (name == "reject_unknown_helo_hostname") {
      const std::string dns = sheet_.in_dns("helo");
      const std::string asked = all({no(is_literal), no(is_open), no("(str.suffixof \".\" helo)")});
      const std::string fails = all({asked, fmt::format("(= {} 2)", dns)});
      effect.refuses = any({is_open, all({no(is_literal), "(str.suffixof \".\" helo)"}),
                            all({asked, fmt::format("(= {} 3)", dns)}),
                            policy_.defer_unknown_helo ? fails : "false"});
      if (!policy_.defer_unknown_helo) effect.if_permit = fails;
    } else if (name == "reject_invalid_helo_hostname") {
      const std::string octet =
          "(re.union (re.range \"0\" \"9\") (re.++ (re.range \"1\" \"9\") (re.range \"0\" \"9\")) "
          "(re.++ (str.to_re \"1\") (re.range \"0\" \"9\") (re.range \"0\" \"9\")) (re.++ "
          "(str.to_re "
          "\"2\") (re.range \"0\" \"4\") (re.range \"0\" \"9\")) (re.++ (str.to_re \"25\") "
          "(re.range "
          "\"0\" \"5\")))";
      const std::string more = "(str.to_re \".\") " + octet;
      const std::string address =
          fmt::format("(str.in_re helo (re.++ {} {} {} {} (re.opt (str.to_re \".\"))))", octet,
                      more, more, more);
      effect.refuses = no(any({is_literal, is_host, address}));
    }
    return effect;
  }

  // Lists.

  SmtState run(SmtState state, ListKind kind, const std::string& given, bool fresh) {
    state.over = "false";
    if (fresh) state.if_reject = "false";
    return run(state, policy_.list(kind), given, false, 0);
  }

  SmtState run(SmtState state, const List& list, const std::string& given, bool warn_only,
               int depth) {
    constexpr int most_nested = 8;
    if (depth > most_nested) throw LeftOut("lists are nested too deep");
    for (const Rule& rule : list) {
      const bool warns = warn_only || rule.warn_only;
      if (rule.list != nullptr) {
        state = run(state, *rule.list, given, warns, depth + 1);
        continue;
      }
      sheet_.comment(fmt::format("{} {}", rule.origin, rule.words));
      state = after(state, effect_or_gap(rule), given, warns, depth);
    }
    return state;
  }

  SmtState after(SmtState state, Effect effect, const std::string& given, bool warns, int depth) {
    if (warns) effect.refuses = effect.if_permit = "false";
    const std::string goes_on =
        sheet_.define(all({given, no(state.refused), no(state.over), no(state.discarded)}));
    const auto add = [&](std::string& member, const std::string& term) {
      member = sheet_.define(any({member, all({goes_on, term})}));
    };
    add(state.refused, effect.refuses);
    add(state.if_permit, effect.if_permit);
    add(state.if_reject, effect.if_reject);
    add(state.discarded, effect.discards);
    // With both reasons to defer no rule behind this one can prevent the deferral.
    const auto both = [&] { return all({state.if_permit, state.if_reject}); };
    std::string over = any({state.over, all({goes_on, any({effect.permits, both()})})});
    for (const Effect::Inner& inner : effect.inner) {
      const std::string here = sheet_.define(all({goes_on, inner.found}));
      state.over = "false";
      state = run(state, *inner.rules, here, warns, depth + 1);
      over = any({over, all({here, any({all({state.over, no(inner.passes)}), both()})})});
    }
    state.over = sheet_.define(over);
    return state;
  }

  /// A reason to defer counts if no list has refused.
  SmtState settled(SmtState state) {
    state.refused = sheet_.define(any({state.refused, state.if_permit}));
    state.if_permit = "false";
    return state;
  }

  Sheet& sheet_;
  const ListPolicy& policy_;
  Tables tables_;
  std::map<std::string, std::string> places_;  ///< of rules, by Rule::origin
  std::vector<std::shared_ptr<const List>> kept_;
};

/// Throws LeftOut if there are none; all else that cannot be stated is kept.
const restrictions::Loaded& stated_lists(const Edition& edition, Sheet& sheet) {
  const restrictions::Loaded* loaded = edition.config.restrictions.loaded();
  if (loaded == nullptr || !loaded->compiled.policy) {
    throw LeftOut(edition.name + " has no restriction lists");
  }
  const ListPolicy& policy = *loaded->compiled.policy;
  if (edition.config.restrictions.section.shadow) sheet.leave_out("lists are in shadow");
  if (edition.config.vsl.loaded || edition.config.lua.loaded) {
    sheet.leave_out(edition.name + " has rules behind its lists");
  }
  if (!policy.delay_reject) sheet.leave_out("smtpd_delay_reject = no");
  if (policy.append_dot_mydomain) sheet.leave_out("append_dot_mydomain = yes");
  if (policy.verification.sender_ttl.count() > 0) {
    sheet.leave_out("address_verify_sender_ttl is set");
  }
  return *loaded;
}

/// What decides which address rules look at.
std::string address_settings(const ListPolicy& policy) {
  std::string own;
  for (const IpAddress& address : policy.own_addresses) own += address.to_string() + " ";
  return fmt::format("{}\n{}\n{}\n{}{}{}", policy.mydestination.content(), policy.myorigin, own,
                     policy.own_everywhere, policy.swap_bangpath, policy.allow_percent_hack);
}

/// Which recipients there are: not those that are taken, or refused, whatever the lists say.
void require_recipient(Sheet& sheet, const std::array<const Edition*, 2>& editions,
                       const ListPolicy& policy, const std::string& is_local) {
  std::vector<IpAddress> own = policy.own_addresses;
  if (policy.own_everywhere) own.push_back(reached_address());
  bool takes_own = false;
  bool takes_other = false;
  for (const Edition* edition : editions) {
    const TakesLiteral takes = takes_literal(edition->config);
    const auto takes_one = [&](const IpAddress& address) {
      const std::string_view tag = address.is_v4() ? "" : "ipv6:";
      return takes({"b", fmt::format("[{}{}]", tag, address.to_string())});
    };
    takes_own |= std::ranges::any_of(own, takes_one);
    takes_other |= takes_one(IpAddress::v4(0xcb007162));
  }
  if (!takes_own) sheet.require(no(equal("rcpt_domain", own_literal)));
  if (!takes_other) sheet.require(no(equal("rcpt_domain", other_literal)));
  Terms plain{no(has("rcpt_local", '@'))};
  if (policy.swap_bangpath) plain.push_back(no(has("rcpt_local", '!')));
  if (policy.allow_percent_hack) plain.push_back(no(has("rcpt_local", '%')));
  sheet.require(fmt::format("(=> {} {})", is_local, all(plain)));
}

/// The sender of probes is taken before the lists.
void forbid_probes(Sheet& sheet, const ListPolicy& policy) {
  const auto& probes = policy.verification;
  if (probes.probe_local.empty()) return;
  sheet.require(no(all({equal("rcpt_local", lower(probes.probe_local)),
                        equal("rcpt_domain", lower(probes.probe_domain))})));
}

}  // namespace
}  // namespace smt

SmtQuestions smt_questions(const Edition& before, const Edition& after, std::optional<Group> only) {
  using namespace smt;
  SmtQuestions made;
  const std::array<const Edition*, 2> editions{&before, &after};
  const auto leave_out = [&](Group group, const std::string& why) {
    if (!only || *only == group) made.left_out.push_back({group, why});
  };
  constexpr std::array groups{Group::ours, Group::relay, Group::foreign};
  Sheet sheet(either(served_sessions(before.config), served_sessions(after.config)));
  try {
    const restrictions::Loaded& old_loaded = stated_lists(before, sheet);
    const restrictions::Loaded& new_loaded = stated_lists(after, sheet);
    const ListPolicy& old_lists = *old_loaded.compiled.policy;
    const ListPolicy& new_lists = *new_loaded.compiled.policy;
    if (address_settings(old_lists) != address_settings(new_lists)) {
      sheet.leave_out("old and new differ in the domains through which they take routes off");
    }
    sheet.address("rcpt");
    Stated old_version(sheet, old_loaded);
    Stated new_version(sheet, new_loaded);
    require_recipient(sheet, editions, old_lists, old_version.is_local("rcpt"));
    sheet.comment("old: " + before.name);
    const std::string old_taken = old_version.taken();
    const std::string old_ours = old_version.ours();
    const std::string old_relay = old_version.relay();
    sheet.comment("new: " + after.name);
    const std::string new_taken = new_version.taken();
    // The group of an address is its class in old, unless foreign there; then its class in new.
    const std::string foreign = no(any({old_ours, old_relay}));
    const std::string ours = sheet.define(any({old_ours, all({foreign, new_version.ours()})}));
    const std::string relay = sheet.define(any({old_relay, all({foreign, new_version.relay()})}));
    forbid_probes(sheet, old_lists);
    forbid_probes(sheet, new_lists);
    sheet.finish();
    const bool webhooks = std::ranges::any_of(editions, [](const Edition* one) {
      return one->directory && one->directory->webhook_count() > 0;
    });
    for (const Group group : groups) {
      if (!sheet.left_out().empty() || (only && *only != group)) continue;
      if (group == Group::ours && webhooks) {
        leave_out(group, "webhooks have addresses of their own");
        continue;
      }
      const std::string here = group == Group::ours    ? ours
                               : group == Group::relay ? relay
                                                       : no(any({ours, relay}));
      for (const auto direction : {DifferenceKind::refuses_more, DifferenceKind::accepts_more}) {
        const bool refuses = direction == DifferenceKind::refuses_more;
        made.asked.push_back(
            {group, direction,
             fmt::format("; {} destinations: is there a dialogue that {} takes and {} refuses?\n"
                         "{}(assert {})\n(check-sat)\n",
                         to_string(group), refuses ? "old" : "new", refuses ? "new" : "old",
                         sheet.text(),
                         all({here, refuses ? old_taken : new_taken,
                              no(refuses ? new_taken : old_taken)}))});
      }
    }
  } catch (const LeftOut& error) {
    sheet.leave_out(error.what());
  }
  if (sheet.left_out().empty()) return made;
  const std::string why = fmt::format("{}", fmt::join(sheet.left_out(), "; "));
  for (const Group group : groups) leave_out(group, why);
  return made;
}

}  // namespace postern::plan
