#include "plan/certificate_part.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <utility>

#include <fmt/format.h>

#include "base/domain_below.h"
#include "base/text.h"
#include "dialect/restrictions/rule_effect.h"
#include "mail/local_part.h"
#include "mail/postfix_path.h"
#include "plan/certificate_dialogues.h"
#include "policy/own_addresses.h"
#include "policy/questions/helo_valid.h"

namespace postern::plan::certified {

namespace restrictions = dialect::restrictions;
using policy::Evidence;
namespace questions = policy::questions;
using restrictions::ListPolicy;

namespace {

class PlayedPart {
 public:
  PlayedPart(Subject& subject, std::size_t number)
      : subject_(subject),
        number_(number),
        drawing_(subject.text, subject.pair.served, subject.options.seed, number) {}

  /// Throws Wrong.
  void play_all() {
    walk_all();
    const std::vector<std::string> words(pair_.words.begin(), pair_.words.end());
    each_of(words.size(), [&](std::size_t at) { play_word(words[at]); });
    constexpr std::size_t freely = 2000;
    each_of(freely, [&](std::size_t) { play(drawing_.drawn(), false); });
    for (const std::size_t axis : {std::size_t{sender}, std::size_t{rcpt}}) play_routes(axis);
  }

  const Checked& result() const { return result_; }

 private:
  // Paths.

  /// False: the time is over, or an earlier part has found a fault.
  bool goes_on() {
    if (subject_.faulty < number_) return false;
    if (std::chrono::steady_clock::now() < subject_.deadline) return true;
    result_.sampled = true;
    return false;
  }

  /// Calls `one` for the numbers of this part, of `count`, while there is time.
  template <class One>
  void each_of(std::size_t count, const One& one) {
    for (std::size_t at = number_; at < count && goes_on(); at += parts) one(at);
  }

  void walk_all() {
    std::vector<double> paths(nodes_.size(), 1);
    std::vector<std::pair<std::uint32_t, std::size_t>> parent(nodes_.size());
    std::vector<std::pair<std::uint32_t, std::size_t>> edges;
    for (std::uint32_t at = 0; at < nodes_.size(); ++at) {
      if (nodes_[at].children.empty()) continue;
      paths[at] = 0;
      for (std::size_t value = 0; value < nodes_[at].children.size(); ++value) {
        const std::uint32_t child = nodes_[at].children[value];
        if (value > 0 && child == nodes_[at].children[value - 1]) {
          paths[at] += paths[child];
          continue;
        }
        paths[at] += paths[child];
        parent[child] = {at, value};
        edges.emplace_back(at, value);
      }
    }
    std::vector<std::size_t> values(axes + questions_.size(), unset);
    const std::size_t most = subject_.options.most_paths;
    if (paths.back() <= static_cast<double>(most)) {
      // Neighbours are in one part: they have most values in common (stood_).
      const auto all = static_cast<std::size_t>(paths.back());
      std::size_t path = 0;
      const std::function<void(std::uint32_t)> walk = [&](std::uint32_t at) {
        if (!goes_on()) return;
        const Node& node = nodes_[at];
        if (node.children.empty()) {
          if (path++ * parts / all == number_) leaf(node, values);
          return;
        }
        for (std::size_t value = 0; value < node.children.size(); ++value) {
          values[node.variable] = value;
          walk(node.children[value]);
        }
        values[node.variable] = unset;
      };
      walk(static_cast<std::uint32_t>(nodes_.size() - 1));
      return;
    }
    result_.sampled = true;
    each_of(most, [&](std::size_t i) {
      std::ranges::fill(values, unset);
      auto at = static_cast<std::uint32_t>(nodes_.size() - 1);
      if (i < edges.size()) {  // each edge is on one path at least
        const auto& [node, value] = edges[edges.size() - 1 - i];
        for (std::uint32_t up = node; up != at; up = parent[up].first) {
          values[nodes_[parent[up].first].variable] = parent[up].second;
        }
        values[nodes_[node].variable] = value;
        at = nodes_[node].children[value];
      }
      while (!nodes_[at].children.empty()) {
        const std::size_t value = drawing_.below(nodes_[at].children.size());
        values[nodes_[at].variable] = value;
        at = nodes_[at].children[value];
      }
      leaf(nodes_[at], values);
    });
  }

  /// A path to a leaf: the members that stand for their classes, and two others.
  void leaf(const Node& node, const std::vector<std::size_t>& values) {
    ++result_.paths;
    if (node.impossible) {
      // What contradicts patterns, no dialogue reaches.
      if (!drawing_.contradicts(values) && !drawing_.asks_pattern(values)) {
        throw Wrong("a dialogue is called impossible that is none");
      }
      return;
    }
    if (drawing_.contradicts(values)) return;
    std::vector<std::size_t>& chosen = chosen_;
    for (int round = 0; round < 3; ++round) {
      chosen = values;
      for (std::size_t variable = 0; variable < chosen.size(); ++variable) {
        if (chosen[variable] == unset) {
          chosen[variable] = round == 0 ? 0 : drawing_.value_of(variable);
        }
      }
      if (drawing_.contradicts(chosen)) continue;
      // Those that stand for their classes say the same each time.
      const bool again =
          round == 0 && !stood_.insert(std::u32string(chosen.begin(), chosen.end())).second;
      if (!again) play(drawing_.said_by(chosen, round > 0), round == 0);
    }
  }

  void play_clients(const std::vector<IpAddress>& near) {
    const int times = times_a_word();
    for (const IpAddress& one : near) {
      const auto found = std::ranges::find_if(classes_[client], [&](const Members& members) {
        return members.first.is_v4() == one.is_v4() && members.first <= one && one <= members.last;
      });
      if (found == classes_[client].end()) continue;
      for (int i = 0; i < times; ++i) {
        Said said = drawn_with(client, static_cast<std::size_t>(found - classes_[client].begin()));
        said.client = one;
        play(said, false);
      }
    }
  }

  /// The client logs in with this name.
  void play_login(const std::string& login) {
    const std::vector<Members>& all = classes_[session];
    auto found = std::ranges::find(all, std::optional(login), &Members::login);
    if (found == all.end()) found = std::ranges::find(all, true, &Members::any);
    // Where no class has a login, it is that none decides.
    const bool none =
        std::ranges::none_of(all, [](const auto& one) { return one.login.has_value(); });
    if (found == all.end() && none) found = std::ranges::find(all, true, &Members::tls);
    if (found == all.end() && none) found = all.begin();
    if (found == all.end()) return;
    const int times = times_a_word();
    for (int i = 0; i < times; ++i) {
      Said said = drawn_with(session, static_cast<std::size_t>(found - all.begin()));
      said.login = login;
      play(said, false);
    }
  }

  /// How often each word is played in a part of the dialogue: more often where there are few.
  int times_a_word() const {
    constexpr std::size_t all = 20'000;
    return static_cast<int>(std::clamp<std::size_t>(all / (pair_.words.size() + 1), 4, 40));
  }

  void play_word(const std::string& word) {
    if (word.empty()) return;
    play_clients(clients_near(word));
    if (IpAddress::from_text(word.substr(0, word.find('/')))) return;
    const int times = times_a_word();
    const std::size_t at = word.rfind('@');
    if (at == std::string::npos || at + 1 < word.size()) play_login(word);
    const std::string local = at == std::string::npos ? "" : word.substr(0, at);
    std::string domain = at == std::string::npos ? word : word.substr(at + 1);
    if (domain.starts_with('.')) domain.erase(0, 1);
    // Lists see the A-labels of an address (RFC 5890 §2.3.2.1).
    const bool is_international = !is_ascii(domain);
    if (is_international) {
      const auto parsed = mail::parse_mailbox("a@" + domain, mail::Utf8::allowed);
      if (!parsed) return;
      domain = lower(parsed->domain);
    }
    const bool is_label = domain.find('.') == std::string::npos;
    // "anna@" is anna anywhere, and so may be "anna".
    const std::string alone = domain.empty() ? local : local.empty() && is_label ? domain : "";
    // Routes are played for themselves: play_routes().
    const bool is_word = !alone.empty() && alone.find_first_of("%!\"") == std::string::npos &&
                         mail::parse_mailbox(alone + "@a.test", mail::Utf8::allowed);
    for (int i = 0; i < times && is_word; ++i) {
      for (const std::size_t axis : {std::size_t{sender}, std::size_t{rcpt}}) {
        play_address(axis, alone, "a." + drawing_.fresh());
        const std::string& known = classes_[axis][drawing_.below(classes_[axis].size())].name;
        const bool is_plain =
            known.find('.') != std::string::npos && !ends_in_number(known) && known.front() != '[';
        if (is_plain) play_address(axis, alone, known);
      }
    }
    for (int i = 0; i < times && at == 0; ++i) {
      const std::string where = domain.empty() ? "a." + drawing_.fresh() : domain;
      for (const std::size_t axis : {std::size_t{sender}, std::size_t{rcpt}}) {
        play_address(axis, "\"\"", where);
      }
    }
    if (!mail::Domain::parse(domain)) return;
    if (is_label && domain.find('_') != std::string::npos) return;  // a name of a rule, no host's
    for (int i = 0; i < times; ++i) {
      for (const std::string& one : {domain, drawing_.fresh() + "." + domain}) {
        if (local.empty() && !is_international) play_name(one);
        play_address(sender, local, one);
        play_address(rcpt, local, one);
      }
    }
  }

  Said drawn_with(std::size_t axis, std::size_t value, bool others = false) {
    // Half of the mail is for this host: what refuses it shows there alone.
    const bool is_for_us = axis != rcpt && !subject_.own.empty() && drawing_.below(2) == 0;
    for (;;) {
      std::vector<std::size_t> values;
      for (std::size_t variable = 0; variable < axes + questions_.size(); ++variable) {
        values.push_back(drawing_.below(2) == 0 ? 0 : drawing_.value_of(variable));
      }
      values[axis] = value;
      if (is_for_us) values[rcpt] = subject_.own[drawing_.below(subject_.own.size())];
      if (!drawing_.contradicts(values)) return drawing_.said_by(values, others);
    }
  }

  // Routes: an address with one through a domain of both versions is the address that it leads to,
  // but where a class says that it is read in place of another.

  /// Plays addresses of all classes with such a route, with a domain and without one.
  void play_routes(std::size_t axis) {
    const auto in_both = [&](const auto& holds) { return std::ranges::all_of(pair_.lists, holds); };
    std::set<std::string> hops;
    for (const Members& one : classes_[axis]) {
      const bool is_one = !one.null && !one.other && one.below.empty() && !one.name.empty();
      if (is_one && in_both([&](const ListPolicy* lists) { return takes(*lists, one.name); })) {
        hops.insert(one.name);
      }
    }
    if (in_both([](const ListPolicy* lists) { return takes(*lists, lists->myorigin); })) {
      hops.insert("");
    }
    std::string signs = "@";
    if (in_both([](const ListPolicy* lists) { return lists->allow_percent_hack; })) signs += '%';
    if (in_both([](const ListPolicy* lists) { return lists->swap_bangpath; })) signs += '!';
    if (hops.empty()) return;
    std::vector<std::size_t> plain;
    for (std::size_t at = 0; at < classes_[axis].size(); ++at) {
      const Members& one = classes_[axis][at];
      const bool has_route = one.local_part.find_first_of("@%!") != std::string::npos;
      if (!one.null && !one.read && !one.name.empty() && !has_route) plain.push_back(at);
    }
    const std::vector<std::string> through(hops.begin(), hops.end());
    constexpr std::size_t most = 2000;
    each_of(most, [&](std::size_t i) {
      const std::size_t at = i < plain.size() ? plain[i] : plain[drawing_.below(plain.size())];
      // The first is none, where that is one.
      const std::string& hop = through[drawing_.below(2) == 0 ? 0 : drawing_.below(through.size())];
      play_route(axis, at, hop, signs[drawing_.below(signs.size())]);
    });
  }

  static bool takes(const ListPolicy& lists, const std::string& domain) {
    return lists.domain_class(policy::completed_domain(domain, lists.appended_domain())) ==
           restrictions::DomainClass::local;
  }

  void play_route(std::size_t axis, std::size_t at, const std::string& hop, char sign) {
    Said said = drawn_with(axis, at, drawing_.below(2) == 0);
    mail::Mailbox& mailbox = axis == sender ? *said.sender : said.recipient;
    // Through a domain of one label back to that domain: it is read as it is written.
    const auto leads_back = [&](const ListPolicy* lists) {
      return iequals(policy::completed_domain(hop, lists->appended_domain()), mailbox.domain);
    };
    if (!hop.empty() && hop.find('.') == std::string::npos &&
        std::ranges::any_of(pair_.lists, leads_back)) {
      return;
    }
    const std::string local = mailbox.unquoted_local_part();
    const std::string routed =
        sign == '!' ? mailbox.domain + "!" + local : local + sign + mailbox.domain;
    mailbox = {mail::quoted_local_part(routed), hop};
    if (!mail::parse_postfix_path("<" + mailbox.text() + ">", mail::Utf8::allowed)) return;
    const auto read_at = read_as(axis, at, hop.empty());
    // Without a domain it is never fully qualified. Where that is not asked, it is the same as one
    // with a domain.
    const auto with_domain = hop.empty() && !read_at ? read_as(axis, at, false) : read_at;
    said.classes[axis] = with_domain.value_or(at);
    play(said, false);
  }

  /// The class of addresses that are read in place of those of a class; nullopt: there is none.
  std::optional<std::size_t> read_as(std::size_t axis, std::size_t at, bool bare) const {
    const Members& to = classes_[axis][at];
    const auto found = std::ranges::find_if(classes_[axis], [&](const Members& one) {
      return one.read && one.name.empty() == bare && one.read->local_part == to.local_part &&
             iequals(one.read->domain, to.name);
    });
    if (found == classes_[axis].end()) return std::nullopt;
    return static_cast<std::size_t>(found - classes_[axis].begin());
  }

  /// The classes of one axis whose names these are, the closest first; empty: none.
  template <class Fits>
  std::vector<std::size_t> classes_with(std::size_t axis, const std::string& domain,
                                        const Fits& fits) const {
    std::vector<std::size_t> found;
    std::size_t best = 0;
    // Forms that no other name has: of one label, with a number and, in HELO, with a dot at the
    // end.
    const bool is_label = domain.find('.') == std::string::npos;
    const bool has_dot = axis == helo && domain.ends_with('.');
    const bool has_number = !is_label && !has_dot && ends_in_number(domain);
    const auto is_dotted_address = [](const std::string& name) {
      return name.ends_with('.') && IpAddress::parse(name.substr(0, name.size() - 1));
    };
    const auto stands_for_form = [&](const Members& one) {
      // Not one that a version names, perhaps as what it completes the name to.
      const auto is_named = [&](const ListPolicy* lists) {
        const std::string whole =
            policy::completed_domain(lower(one.name), lists->appended_domain());
        return pair_.names.contains(whole) ||
               lists->domain_class(lower(one.name)) != restrictions::DomainClass::foreign ||
               lists->domain_class(whole) != restrictions::DomainClass::foreign;
      };
      if (one.name.empty() || one.name.starts_with('[') || pair_.names.contains(one.name) ||
          std::ranges::any_of(pair_.lists, is_named)) {
        return false;
      }
      if (has_dot) {
        // Others, `a.` and `1.2.`, have no class of their own: they are judged as what stands in
        // front of the dot is where DNS does not have it.
        const bool is_host = questions::helo_valid(domain).form == questions::NameForm::fqdn;
        return one.name.ends_with('.') && (is_host || is_dotted_address(domain)) &&
               is_dotted_address(one.name) == is_dotted_address(domain);
      }
      return is_label ? !ends_in_number(domain) && one.name.find('.') == std::string::npos
                      : has_number && (axis == helo && is_number(domain)
                                           ? is_number(one.name) && one.name.back() != '.' &&
                                                 !IpAddress::from_text(one.name)
                                           : has_number_last(one.name));
    };
    for (std::size_t at = 0; at < classes_[axis].size(); ++at) {
      const Members& one = classes_[axis][at];
      const bool is_address = axis == sender || axis == rcpt;
      if ((is_address && one.null) || !fits(one)) continue;
      std::size_t rank = 0;
      if (one.other) {
        rank = is_label || has_number || has_dot ? 0 : 1;
      } else if (!one.below.empty()) {
        if (domain != one.below && domain_below(domain, one.below)) rank = 1 + one.below.size();
      } else if (iequals(domain, one.name)) {
        rank = 1000;
      } else if (stands_for_form(one)) {
        rank = 1;
      }
      if (rank == 0 || rank < best) continue;
      if (rank > best) found.clear();
      best = rank;
      found.push_back(at);
    }
    return found;
  }

  void play_name(const std::string& domain) {
    for (const std::size_t at : classes_with(helo, domain, [](const Members&) { return true; })) {
      Said said = drawn_with(helo, at);
      rename(said.helo, domain, said);
      play(said, false);
    }
    for (const std::size_t at : classes_with(name, domain, [](const Members& one) {
           return !one.name.empty() && !one.like_network;
         })) {
      Said said = drawn_with(name, at);
      rename(said.client_name, domain, said);
      play(said, false);
    }
  }

  void play_address(std::size_t axis, const std::string& local, const std::string& domain) {
    std::vector<std::size_t> found;
    if (!local.empty()) {
      found = classes_with(axis, domain, [&](const Members& one) {
        return !one.extended && iequals(one.local, local);
      });
    }
    // Where a class has the local part with a domain that fits better, or only without it.
    const auto any =
        classes_with(axis, domain, [](const Members& one) { return one.local.empty(); });
    if (any.empty() && domain.find('.') != std::string::npos && !ends_in_number(domain)) {
      throw Wrong("no class has addresses at " + domain);
    }
    if (any.empty()) return;
    if (found.empty() || classes_[axis][any.front()].below != classes_[axis][found.front()].below ||
        classes_[axis][any.front()].other != classes_[axis][found.front()].other) {
      found = any;
    }
    for (const std::size_t at : found) {
      if (classes_[axis][at].winding) continue;
      Said said = drawn_with(axis, at);
      mail::Mailbox& mailbox = axis == sender ? *said.sender : said.recipient;
      const bool is_any = classes_[axis][at].local.empty();
      // So is the sign of one.
      if (is_any && local.find_first_of("%!@") != std::string::npos) continue;
      if (is_any && !local.empty()) {
        const bool in_quotes = local.starts_with('"');
        const bool has_other = std::ranges::any_of(
            found, [&](std::size_t one) { return classes_[axis][one].quoted == in_quotes; });
        if (classes_[axis][at].quoted != in_quotes && has_other) continue;
        const std::size_t delimiter = local.find_first_of(pair_.lists[0]->recipient_delimiter +
                                                          pair_.lists[1]->recipient_delimiter);
        if (delimiter != std::string::npos) continue;  // an extension, perhaps
        if (!mail::parse_mailbox(local + "@" + domain, mail::Utf8::allowed)) continue;
        rename(mailbox.local_part, local, said);
      }
      rename(mailbox.domain, domain, said);
      // The session itself refuses what it cannot read, and reads `a@b.` as `a@b`.
      const auto path = mail::parse_postfix_path("<" + mailbox.text() + ">", mail::Utf8::allowed);
      if (!path || !path->mailbox || !iequals(path->mailbox->domain, mailbox.domain)) continue;
      play(said, false);
    }
  }

  /// Puts another member in place of the one that stands for it.
  void rename(std::string& text, const std::string& member, Said& said) {
    if (!iequals(text, member)) said.renamed.emplace_back(lower(member), lower(text));
    text = member;
  }

  // Evaluation.

  void play(const Said& said, bool stands_for_all) {
    if (taken_first(said.recipient) || confuses(said)) return;
    std::array<std::string, 2> fates;
    try {
      fates = replay_.fates_of(said);
    } catch (const NotAsked& asked) {
      if (!stands_for_all || replay_.has_rules()) return;
      throw Wrong(
          fmt::format("it lacks a question that is asked, {}: {}", asked.what(), said.text()));
    }
    ++result_.dialogues;
    const std::string kind = fates[0] == fates[1]    ? ""
                             : fates[1] == "refused" ? "refuses_more"
                             : fates[0] == "refused" ? "accepts_more"
                                                     : "handling";
    // No claim is about a dialogue that both judge alike; one with a route must have it all the
    // same.
    const bool tells = !kind.empty() || classes_[rcpt][said.classes[rcpt]].winding;
    const std::string group = tells ? group_of(said) : std::string();
    const auto takes = [&](const CertifiedVersion* one) {
      return one->takes_literal && one->takes_literal(said.recipient);
    };
    const bool goes_nowhere =
        said.recipient.domain.starts_with('[') && std::ranges::none_of(pair_.versions, takes);
    const bool forbidden = goes_nowhere         ? false
                           : kind == "handling" ? text_.same_handling
                                                : text_.never.contains({group, kind});
    const auto words = [&] {
      return fmt::format("old {}, new {}: {}", fates[0], fates[1], said.text());
    };
    if (!kind.empty() && forbidden) throw Wrong("its claim is wrong: " + words());
    std::set<std::uint32_t> leaves;
    std::set<std::uint32_t> seen;
    reach(static_cast<std::uint32_t>(nodes_.size() - 1), said, seen, leaves);
    // Of several leaves, one is that of this dialogue.
    const bool fits = std::ranges::any_of(leaves, [&](std::uint32_t at) {
      const Node& node = nodes_[at];
      return node.impossible ? leaves.size() > 1
                             : node.before == fates[0] && node.after == fates[1];
    });
    if (fits) return;
    const Node& node = nodes_[*leaves.begin()];
    if (node.impossible) throw Wrong("it calls impossible what can be said: " + words());
    throw Wrong(fmt::format("its diagram says old {}, new {}; decided was {}", node.before,
                            node.after, words()));
  }

  /// The leaves of a dialogue; where only the evaluation knows the answer, those of each.
  void reach(std::uint32_t at, const Said& said, std::set<std::uint32_t>& seen,
             std::set<std::uint32_t>& leaves) const {
    if (!seen.insert(at).second) return;
    const Node& node = nodes_[at];
    if (node.children.empty()) {
      leaves.insert(at);
    } else if (node.variable < axes) {
      reach(node.children[said.classes[node.variable]], said, seen, leaves);
    } else if (questions_[node.variable - axes].free) {
      const auto yes = is_found(questions_[node.variable - axes], said);
      if (yes) return reach(node.children[*yes ? 1 : 0], said, seen, leaves);
      for (const std::uint32_t child : node.children) reach(child, said, seen, leaves);
    } else {
      reach(node.children[said.answers[node.variable - axes]], said, seen, leaves);
    }
  }

  /// Mail that is taken before any list is asked.
  bool taken_first(const mail::Mailbox& recipient) const {
    return policy::is_bare_postmaster(recipient) ||
           std::ranges::any_of(pair_.lists, [&](const ListPolicy* lists) {
             return lists->verification.may_be_probe_sender(recipient);
           });
  }

  /// Whether an address with a route is in no group: it leads to one at or below a domain of ours
  /// or to a literal, or through a name below such a domain. Others have a group, whatever the
  /// certificate says.
  bool winds(const Members& members, const mail::Mailbox& recipient) const {
    using restrictions::DomainClass;
    const auto is_ours = [&](const std::string& domain) {
      return std::ranges::any_of(pair_.lists, [&](const ListPolicy* lists) {
        // Behind a route, a domain of one label is not completed.
        for (const std::string& one :
             {domain, policy::completed_domain(domain, lists->appended_domain())}) {
          const DomainClass found = lists->domain_class(one);
          if (members.read ? found == DomainClass::local : found != DomainClass::foreign)
            return true;
        }
        return false;
      });
    };
    if (members.read) return is_ours(lower(members.read->domain));
    const auto is_below = [&](const std::string& name) {
      for (std::size_t dot = name.find('.'); dot != std::string::npos;
           dot = name.find('.', dot + 1)) {
        if (is_ours(name.substr(dot + 1))) return true;
      }
      return false;
    };
    const std::string local = lower(recipient.unquoted_local_part());
    for (std::size_t at = local.find_first_of("%!@"); at != std::string::npos;
         at = local.find_first_of("%!@", at + 1)) {
      const std::string target = local[at] == '!' ? local.substr(0, at) : local.substr(at + 1);
      if (target.starts_with('[') || is_ours(target) || is_below(target)) return true;
    }
    const std::string hop = lower(recipient.domain);
    const std::set<std::string>& own = pair_.told.domains;
    return !own.contains(hop) && !own.contains("." + hop) && is_below(hop);
  }

  std::string group_of(const Said& said) const {
    const Members& members = classes_[rcpt][said.classes[rcpt]];
    if (members.winding) {
      if (said.recipient.local_part.find_first_of("%!@") == std::string::npos) {
        throw Wrong("a recipient has no route: " + said.recipient.text());
      }
      if (winds(members, said.recipient)) return "winding";
    }
    Evidence evidence;
    evidence.candidate = policy::Recipient{.address = said.recipient, .route = {}};
    for (const ListPolicy* lists : pair_.lists) {
      switch (restrictions::destination_of(*lists, evidence)) {
        case restrictions::Destination::ours:
          return "ours";
        case restrictions::Destination::relay:
          return "relay";
        case restrictions::Destination::foreign:
          break;
      }
    }
    return "foreign";
  }

  /// Whether a name that stands for itself has in it one that is put for another: questions about
  /// it would be taken for questions about the other.
  bool confuses(const Said& said) const {
    if (said.renamed.empty()) return false;
    const auto clear = [&](const std::string& text, const std::string& known) {
      return std::ranges::all_of(said.renamed, [&](const auto& one) {
        return place_of(one.first, lower(text), 0) == std::string::npos ||
               lower(known) == one.second || lower(text).find(lower(known)) == std::string::npos;
      });
    };
    const auto name_of = [&](std::size_t axis) { return classes_[axis][said.classes[axis]].name; };
    const auto local_of = [&](std::size_t axis) {
      return classes_[axis][said.classes[axis]].local_part;
    };
    // Questions about an address without a domain are about that of this host.
    const bool is_bare =
        (said.sender && said.sender->domain.empty()) || said.recipient.domain.empty();
    const auto origin_is_clear = [&](const ListPolicy* lists) {
      return clear(lists->myorigin, lists->myorigin);
    };
    return (is_bare && !std::ranges::all_of(pair_.lists, origin_is_clear)) ||
           !clear(said.client_name, name_of(name)) || !clear(said.helo, name_of(helo)) ||
           (said.sender && !clear(said.sender->domain, name_of(sender))) ||
           !clear(said.recipient.domain, name_of(rcpt)) ||
           // A route names a domain, too.
           (said.sender && !clear(said.sender->local_part, local_of(sender))) ||
           !clear(said.recipient.local_part, local_of(rcpt));
  }

  Subject& subject_;
  const std::size_t number_;
  Drawing drawing_;
  Checked result_;
  std::vector<std::size_t> chosen_;  ///< of leaf()
  /// Paths that leaf() has played, as values by variable.
  std::unordered_set<std::u32string> stood_;
  const CertificateText& text_ = subject_.text;
  const CertifiedPair& pair_ = subject_.pair;
  const Replay& replay_ = subject_.replay;
  const std::array<std::vector<Members>, axes>& classes_ = text_.classes;
  const std::vector<Question>& questions_ = text_.questions;
  const std::vector<Node>& nodes_ = text_.nodes;
};

}  // namespace

Checked play_part(Subject& subject, std::size_t number) {
  PlayedPart part(subject, number);
  std::string fault;
  try {
    part.play_all();
  } catch (const Wrong& wrong) {
    fault = wrong.what();
    for (std::size_t known = subject.faulty; number < known;) {
      if (subject.faulty.compare_exchange_weak(known, number)) break;
    }
  }
  Checked result = part.result();
  result.fault = std::move(fault);
  return result;
}

}  // namespace postern::plan::certified
