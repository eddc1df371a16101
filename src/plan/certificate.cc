#include "plan/certificate.h"

#include <algorithm>
#include <functional>
#include <map>

#include <boost/json.hpp>

#include "base/text.h"
#include "dialect/restrictions/remote_table.h"
#include "plan/compare.h"

namespace postern::plan {

namespace json = boost::json;

namespace {

/// By number; the leaf of a pair is 1 + before * 4 + after.
constexpr std::array<std::string_view, 4> fate_words{"refused", "deliver", "hold", "discard"};

Leaf fate_of(const Outcome& outcome) {
  if (!outcome.taken) return 0;
  const auto found = std::ranges::find(fate_words, outcome.handling());
  return static_cast<Leaf>(found - fate_words.begin());
}

json::object of_session(const SessionClass& one) {
  json::object made{{"tls", one.tls}};
  if (one.login) made["login"] = *one.login;
  if (one.any) made["any"] = true;
  return made;
}

std::string_view word_of(NameClass::Kind kind) {
  switch (kind) {
    case NameClass::Kind::none:
      return "none";
    case NameClass::Kind::trouble:
      return "trouble";
    case NameClass::Kind::verified:
      return "verified";
    case NameClass::Kind::unverified:
      return "unverified";
    case NameClass::Kind::unconfirmed:
      break;
  }
  return "unconfirmed";
}

/// A name that stands for itself, for those below one, or for all that no class has.
json::object of_name(const std::string& name, bool exact, bool listed) {
  json::object made{{"name", name}};
  if (exact || name.empty()) return made;
  if (listed) {
    made["below"] = name.substr(name.find('.') + 1);
  } else {
    made["other"] = true;
  }
  return made;
}

json::object of_address(const AddressClass& one) {
  json::object made;
  if (!one.one) return made;
  made["local_part"] = one.one->local_part;
  made["domain"] = one.one->domain;
  if (!one.local.empty()) made["local"] = one.local;
  if (one.extended) made["extended"] = true;
  if (!one.below.empty()) made["below"] = one.below;
  if (one.other_domain) made["other"] = true;
  if (one.winding) made["winding"] = true;
  if (one.quoted) made["quoted"] = true;
  if (one.read) {
    made["read"] = {{"local_part", one.read->local_part}, {"domain", one.read->domain}};
  }
  return made;
}

json::array of_axis(const Classes& classes, Axis axis) {
  json::array all;
  switch (axis) {
    case Axis::session:
      for (const SessionClass& one : classes.sessions) all.push_back(of_session(one));
      break;
    case Axis::client:
      for (const ClientClass& one : classes.clients) {
        all.push_back({{"first", one.first.to_string()},
                       {"last", one.last.to_string()},
                       {"one", one.one.to_string()}});
      }
      break;
    case Axis::name:
      for (const NameClass& one : classes.names) {
        json::object made;
        if (!one.name.empty()) {
          made =
              of_name(one.name, one.exact || one.like_network, one.name != classes.names[1].name);
          if (one.like_network) made["like_network"] = true;
        }
        made["kind"] = word_of(one.kind);
        all.push_back(std::move(made));
      }
      break;
    case Axis::helo:
      for (const HeloClass& one : classes.helos) {
        const bool is_form = !one.listed && &one != &classes.helos.front();
        all.push_back(of_name(one.name, one.exact || is_form, one.listed));
      }
      break;
    case Axis::sender:
      for (const AddressClass& one : classes.senders) all.push_back(of_address(one));
      break;
    case Axis::recipient:
      for (const AddressClass& one : classes.recipients) all.push_back(of_address(one));
      break;
    case Axis::early:
      for (std::size_t value = 0; value < classes.early; ++value) all.push_back(value);
      break;
  }
  return all;
}

json::object of_answer(const OpenQuestion& question, const PossibleAnswer& answer) {
  if (question.dns) {
    if (answer.dns.trouble()) return {{"failed", true}};
    return {{"records", json::value_from(answer.dns.records)}};
  }
  if (question.service) {
    return {{"answer", answer.service.answer}, {"failed", answer.service.failed}};
  }
  return {{"words", answer.words}};
}

/// In the order of DialogueText::Part.
constexpr std::array<std::string_view, 5> piece_words{"whole", "local_part", "at_domain", "domain",
                                                      "quoted"};

json::object of_question(const OpenQuestion& question) {
  json::object made{{"question", question.name()}};
  if (!question.zone.empty()) {
    made["zone"] = question.zone;
    made["of"] = question.key.substr(question.key.rfind(' ') + 1);
  } else if (question.dns) {
    made["type"] = dns::to_string(question.dns->type);
    made["name"] = question.dns->name;
  } else if (question.service) {
    made["service"] = question.service->service;
    // A policy server is told all of the dialogue: what is asked of it is the command.
    if (dialect::restrictions::is_remote_table(question.service->service)) {
      made["request"] = question.service->request;
    } else if (policy::is_verification(question.service->service)) {
      made["request"] = policy::verified_address(question.service->request);
    }
  } else {
    made["free"] = true;  // patterns and rules: the evaluation has the answer
    if (question.pattern) made["pattern"] = question.pattern->first;
    if (question.pattern && question.about) {
      made["about"] = to_string(question.about->axis);
      made["piece"] = piece_words[static_cast<std::size_t>(question.about->part)];
    } else if (question.pattern) {
      made["text"] = question.key.substr(question.pattern->first.size() + 1);
    }
  }
  if (question.of) made["part"] = to_string(*question.of);
  json::array& answers = made["answers"].emplace_array();
  for (const PossibleAnswer& one : question.answers) answers.push_back(of_answer(question, one));
  return made;
}

/// The nodes from the leaves up. Equal neighbours among the children are counted.
void write_nodes(const Diagrams& diagrams, Ref root, std::string& out) {
  std::map<Ref, std::size_t> numbers;
  const std::function<std::size_t(Ref)> write = [&](Ref ref) -> std::size_t {
    if (const auto known = numbers.find(ref); known != numbers.end()) return known->second;
    json::object node;
    if (diagrams.is_leaf(ref)) {
      const Leaf leaf = diagrams.leaf_of(ref);
      if (leaf == impossible_fates) {
        node["impossible"] = true;
      } else {
        node["old"] = fate_words[(leaf - 1) / fate_words.size()];
        node["new"] = fate_words[(leaf - 1) % fate_words.size()];
      }
    } else {
      json::array children;
      std::size_t last = 0;
      for (const Ref child : diagrams.children_of(ref)) {
        const std::size_t number = write(child);
        if (!children.empty() && last == number) {
          json::array& run = children.back().as_array();
          run[0] = run[0].to_number<std::size_t>() + 1;
        } else {
          children.push_back(json::array{1, number});
        }
        last = number;
      }
      node["variable"] = diagrams.variable_of(ref);
      node["children"] = std::move(children);
    }
    const std::size_t number = numbers.size();
    numbers.emplace(ref, number);
    out += json::serialize(node) + "\n";
    return number;
  };
  write(root);
}

}  // namespace

Leaf fates_of(const Outcome& before, const Outcome& after) {
  return 1 + fate_of(before) * static_cast<Leaf>(fate_words.size()) + fate_of(after);
}

std::string axes_text(const Classes& classes) {
  std::string out;
  for (std::size_t number = 0; number < axis_count; ++number) {
    const Axis axis = static_cast<Axis>(number);
    const json::object line{{"axis", to_string(axis)}, {"classes", of_axis(classes, axis)}};
    out += json::serialize(line) + "\n";
  }
  return out;
}

std::string certificate_body(const Vocabulary& vocabulary, const Diagrams& diagrams, Ref fates) {
  std::string out = axes_text(vocabulary.classes());
  for (const auto& question : vocabulary.questions()) {
    out += json::serialize(of_question(*question)) + "\n";
  }
  write_nodes(diagrams, fates, out);
  return out;
}

std::optional<std::string> certificate_of(const Comparison& found, const std::string& before_digest,
                                          const std::string& after_digest) {
  json::object claims;
  bool any = false;
  const auto claim = [&](std::string_view name, const GroupAnswer& answer, bool asked) {
    json::array& never = claims[name].emplace_array();
    if (!asked) return;
    if (answer.refuses_more == Known::no) never.emplace_back("refuses_more");
    if (answer.accepts_more == Known::no) never.emplace_back("accepts_more");
    any = any || !never.empty();
  };
  for (const Group group : {Group::ours, Group::relay, Group::foreign}) {
    claim(to_string(group), found.groups[static_cast<std::size_t>(group)], found.asked(group));
  }
  claim("winding", found.winding, !found.only);
  if (!any) return std::nullopt;
  const json::object header{{"certificate", 1},
                            {"old", before_digest},
                            {"new", after_digest},
                            {"never", std::move(claims)},
                            {"same_handling", !found.only && found.handling == Known::no},
                            {"lines", std::ranges::count(found.certificate, '\n')}};
  return json::serialize(header) + "\n" + found.certificate;
}

}  // namespace postern::plan
