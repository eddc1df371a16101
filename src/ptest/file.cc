#include "ptest/file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/simulation.h"
#include "base/text.h"
#include "base/toml.h"
#include "config/input_file.h"
#include "config/positions.h"
#include "dialect/restrictions/remote_table.h"
#include "dns/record_types.h"
#include "dns/recorded_resolver.h"
#include "explain/evidence_words.h"
#include "mail/literal.h"
#include "mail/postfix_path.h"
#include "ptest/pattern.h"

namespace postern::ptest {

namespace json = boost::json;
using app::Diagnostic;
using app::Place;

namespace {

using Words = std::span<const std::string_view>;

/// nullopt: neither a truth value nor a word of app::early_words.
std::optional<app::Early> early_of(const toml::node& node) {
  if (const auto* flag = node.as_boolean()) {
    return flag->get() ? app::Early::ehlo : app::Early::never;
  }
  const auto* word = node.as_string();
  const auto found =
      word != nullptr ? std::ranges::find(app::early_words, word->get()) : app::early_words.end();
  if (found == app::early_words.end()) return std::nullopt;
  return static_cast<app::Early>(found - app::early_words.begin());
}

constexpr std::array<std::string_view, 5> file_keys{"config", "dns", "policy", "test", "webhook"};
constexpr std::array<std::string_view, 15> test_keys{
    "answers", "auth",     "client",  "dns",          "early", "evidence", "expect", "from",
    "helo",    "listener", "message", "message_text", "name",  "rcpt",     "tls"};
constexpr std::array<std::string_view, 11> expect_keys{"at",   "code",  "enhanced", "layer",
                                                       "rcpt", "route", "rule",     "stage",
                                                       "text", "trace", "verdict"};
constexpr std::array<std::string_view, 8> rcpt_keys{"at",   "code",  "enhanced", "layer",
                                                    "rule", "stage", "text",     "verdict"};
constexpr std::array<std::string_view, 4> verdicts{"taken", "refused", "held", "discarded"};
constexpr std::array<std::string_view, 7> stages{"connect", "helo", "auth",   "mail",
                                                 "rcpt",    "data", "message"};
constexpr std::array<std::string_view, 5> layers{"restrictions", "vsl", "lua", "webhook",
                                                 "gateway"};
/// What only a refusal has.
constexpr std::array<std::string_view, 7> of_refusals{"stage", "code", "enhanced", "text",
                                                      "rule",  "at",   "layer"};

template <std::size_t n>
bool among(std::string_view word, const std::array<std::string_view, n>& words) {
  return std::ranges::find(words, word) != words.end();
}

std::string list_of(Words words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    out += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + fmt::format("`{}`", words[i]);
  }
  return out;
}

/// Octets of lines and columns of a text.
class Ruler {
 public:
  explicit Ruler(std::string_view text) : text_(text) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\n') starts_.push_back(i + 1);
    }
  }

  Spot spot(const toml::source_region& region) const {
    Spot spot{.line = region.begin.line,
              .column = region.begin.column,
              .end_column = region.end.column,
              .begin = octet(region.begin),
              .end = octet(region.end)};
    // A value over several lines is marked at its first character.
    if (region.end.line != region.begin.line) spot.end_column = spot.column + 1;
    return spot;
  }

 private:
  std::size_t octet(const toml::source_position& at) const {
    if (at.line == 0 || at.line > starts_.size()) return text_.size();
    std::size_t i = starts_[at.line - 1];
    if (i == 0 && text_.starts_with("\xef\xbb\xbf")) i = 3;
    for (toml::source_index column = 1; column < at.column && i < text_.size(); ++column) {
      ++i;
      while (i < text_.size() && (static_cast<unsigned char>(text_[i]) & 0xc0) == 0x80) ++i;
    }
    return i;
  }

  std::string_view text_;
  std::vector<std::size_t> starts_;
};

std::string normal_name(std::string_view name) {
  while (name.size() > 1 && name.back() == '.') name.remove_suffix(1);
  return lower(name);
}

class Reader {
 public:
  Reader(std::string text, std::string name) {
    out_.file.name = std::move(name);
    out_.file.text = std::move(text);
    ruler_.emplace(out_.file.text);
  }

  Parsed read() {
    auto parsed = parse_toml(out_.file.text, out_.file.name);
    if (!parsed) {
      const toml::source_region& at = parsed.error().source;
      add(ruler_->spot(at), "U001", parsed.error().why);
      return std::move(out_);
    }
    read_root(*parsed);
    if (out_.file.tests.empty() && out_.ok()) {
      add({.line = 1, .column = 1, .end_column = 2}, "U003", "the file has no test",
          "a test begins with `[[test]]`");
    }
    out_.diagnostics.sort();
    return std::move(out_);
  }

 private:
  void add(const Spot& spot, std::string code, std::string message, std::string label = {}) {
    Diagnostic diagnostic = error_at(out_.file, spot, std::move(code), std::move(message));
    diagnostic.label = std::move(label);
    out_.diagnostics.add(std::move(diagnostic));
  }

  Spot spot(const toml::node& node) const { return ruler_->spot(node.source()); }
  Spot spot(const toml::key& key) const { return ruler_->spot(key.source()); }

  void unknown(const toml::key& key, Words known) {
    const auto near = nearest(key.str(), {known.begin(), known.end()});
    add(spot(key), "U002", fmt::format("unknown key `{}`", printable(key.str(), 64)),
        near ? fmt::format("did you mean `{}`?", *near) : "the keys are " + list_of(known));
  }

  void wrong_type(const toml::key& key, const toml::node& node, std::string_view wanted) {
    add(spot(node), "U004",
        fmt::format("`{}` is {}, not {}", printable(key.str(), 64), wanted, toml_type_name(node)));
  }

  const toml::table* table(const toml::key& key, const toml::node& node) {
    if (const toml::table* found = node.as_table()) return found;
    wrong_type(key, node, "a table");
    return nullptr;
  }

  std::optional<std::string> text(const toml::key& key, const toml::node& node) {
    if (const auto* found = node.as_string()) return found->get();
    wrong_type(key, node, "text");
    return std::nullopt;
  }

  void not_a_word(const toml::node& node, std::string_view what, std::string_view word,
                  Words known) {
    const auto near = nearest(word, {known.begin(), known.end()});
    add(spot(node), "U004", fmt::format("`{}` is no {}", printable(word, 64), what),
        near ? fmt::format("did you mean `{}`?", *near) : "it is " + list_of(known));
  }

  void read_root(const toml::table& root) {
    const toml::node* tests = nullptr;
    const toml::key* tests_key = nullptr;
    for (const auto& [key, node] : root) {
      if (key.str() == "config") {
        if (auto name = text(key, node)) out_.file.config = {std::move(*name), spot(node)};
      } else if (key.str() == "dns") {
        read_zone(key, node, zone_, out_.file.zone);
      } else if (key.str() == "policy") {
        read_named(key, node, out_.file.policies, out_.file.policy_spots);
      } else if (key.str() == "webhook") {
        read_webhooks(key, node);
      } else if (key.str() == "test") {
        tests = &node;
        tests_key = &key;
      } else {
        unknown(key, file_keys);
      }
    }
    if (tests == nullptr) return;
    const toml::array* list = tests->as_array();
    if (list == nullptr || !list->is_array_of_tables()) {
      add(tests->is_table() ? spot(*tests) : spot(*tests_key), "U004", "`test` is a list of tables",
          "write `[[test]]`, with two brackets, above each test");
      return;
    }
    for (const toml::node& one : *list) read_test(*one.as_table());
    note_twice();
  }

  void note_twice() {
    std::set<std::string> seen;
    for (const Test& test : out_.file.tests) {
      if (test.name.empty() || seen.insert(test.name).second) continue;
      add(name_spots_.at(&test - out_.file.tests.data()), "U005",
          fmt::format("another test of this file is named `{}` too", printable(test.name, 64)));
    }
  }

  /// A value of a zone, a policy or a webhook as JSON.
  json::value to_json(const toml::node& node) {
    json::value out;
    if (const auto* table = node.as_table()) {
      json::object& object = out.emplace_object();
      for (const auto& [key, value] : *table) object[key.str()] = to_json(value);
    } else if (const auto* array = node.as_array()) {
      json::array& list = out.emplace_array();
      for (const toml::node& value : *array) list.push_back(to_json(value));
    } else if (const auto* text = node.as_string()) {
      out = text->get();
    } else if (const auto* number = node.as_integer()) {
      out = number->get();
    } else if (const auto* fraction = node.as_floating_point()) {
      out = fraction->get();
    } else if (const auto* flag = node.as_boolean()) {
      out = flag->get();
    } else {
      add(spot(node), "U004", "a date has no place here");
    }
    return out;
  }

  void read_named(const toml::key& key, const toml::node& node, json::object& into,
                  std::map<std::string, Spot>& spots) {
    const toml::table* named = table(key, node);
    if (named == nullptr) return;
    for (const auto& [name, value] : *named) {
      if (table(name, value) == nullptr) continue;
      into[name.str()] = to_json(value);
      spots[std::string(name.str())] = spot(name);
    }
  }

  void read_webhooks(const toml::key& key, const toml::node& node) {
    read_named(key, node, out_.file.webhooks, out_.file.webhook_spots);
    const toml::table* named = node.as_table();
    if (named == nullptr) return;
    static constexpr std::array<std::string_view, 2> known{"is_active", "policy"};
    for (const auto& [name, value] : *named) {
      if (!value.is_table()) continue;
      if (!mail::parse_mailbox(std::string(name.str()), mail::Utf8::allowed)) {
        add(spot(name), "U004", fmt::format("`{}` is no address", printable(name.str(), 64)));
      }
      for (const auto& [member, content] : *value.as_table()) {
        if (member.str() == "policy") {
          (void)text(member, content);
        } else if (member.str() == "is_active") {
          if (!content.is_boolean()) wrong_type(member, content, "true or false");
        } else {
          unknown(member, known);
        }
      }
    }
  }

  void read_zone(const toml::key& key, const toml::node& node, json::object& zone,
                 std::map<std::string, Spot>& names) {
    const toml::table* entries = table(key, node);
    if (entries == nullptr) return;
    for (const auto& [name, entry] : *entries) {
      if (!are_records(name, entry)) continue;
      const std::string owner = normal_name(name.str());
      if (!names.emplace(owner, spot(name)).second) {
        add(spot(name), "U005", fmt::format("the name `{}` is there twice", printable(owner, 64)));
        continue;
      }
      json::value value = to_json(entry);
      const json::object alone{{"zone", json::object{{owner, value}}}};
      if (const auto read = dns::RecordedResolver::parse(json::serialize(alone)); !read) {
        add(spot(entry), "U004", read.error().message,
            "records are lists: { A = [\"192.0.2.1\"], MX = [[10, \"mx.example.org\"]] }");
        continue;
      }
      zone[owner] = std::move(value);
    }
  }

  /// Whether each key of an entry is a record type, `*` or `!`.
  bool are_records(const toml::key& name, const toml::node& entry) {
    if (entry.is_string()) return true;  // a fault of the whole name
    const toml::table* records = entry.as_table();
    if (records == nullptr) {
      wrong_type(name, entry, "a table of record types");
      return false;
    }
    bool all = true;
    for (const auto& [type, value] : *records) {
      const std::string_view word = type.str();
      if (word == "*" || word == "!" || dns::parse_type(word)) continue;
      all = false;
      const std::vector<std::string_view> types{"A", "AAAA", "CNAME", "MX", "NS", "PTR", "TXT"};
      const auto near = nearest(upper(word), types);
      add(spot(type), "U002",
          dns::is_record_type(word)
              ? fmt::format("no rule asks for records of type {}", printable(word, 64))
              : fmt::format("there is no record type {}", printable(word, 64)),
          near ? fmt::format("did you mean `{}`?", *near) : "the types are " + list_of(types));
    }
    return all;
  }

  void read_test(const toml::table& given) {
    Test test;
    test.spot = spot(given);
    test.spot.end_column = test.spot.column + 8;  // [[test]]
    std::set<std::string_view> seen;
    Spot name_spot = test.spot;
    std::optional<bool> tls;
    const toml::node* dns = nullptr;
    const toml::key* dns_key = nullptr;
    for (const auto& [key, node] : given) {
      const std::string_view word = key.str();
      if (!among(word, test_keys)) {
        unknown(key, test_keys);
        // A key that was meant counts as given.
        if (const auto near = nearest(word, {test_keys.begin(), test_keys.end()})) {
          seen.insert(*near);
        }
        continue;
      }
      seen.insert(word);
      if (word == "name") {
        if (auto name = text(key, node)) test.name = std::move(*name);
        name_spot = spot(node);
        if (node.is_string() && test.name.empty()) add(name_spot, "U004", "the `name` is empty");
      } else if (word == "client") {
        read_client(key, node, test);
      } else if (word == "helo") {
        if (auto helo = text(key, node)) test.dialogue.helo = std::move(*helo);
      } else if (word == "listener") {
        if (auto name = text(key, node)) test.dialogue.listener = std::move(*name);
        test.listener = spot(node);
      } else if (word == "tls") {
        if (const auto* flag = node.as_boolean()) {
          tls = test.dialogue.tls = flag->get();
        } else {
          wrong_type(key, node, "true or false");
        }
      } else if (word == "early") {
        if (const auto from = early_of(node)) {
          test.dialogue.early = *from;
        } else {
          wrong_type(key, node, R"(true, false, or a command: "EHLO", "MAIL", "RCPT", "DATA")");
        }
      } else if (word == "auth") {
        test.dialogue.login = text(key, node);
        if (test.dialogue.login && test.dialogue.login->empty()) {
          add(spot(node), "U004", "the login name `auth` is empty", "leave the key out for none");
        }
      } else if (word == "from") {
        if (const auto from = text(key, node); from && !from->empty()) {
          test.dialogue.sender = address(*from, node);
        }
      } else if (word == "rcpt") {
        read_recipients(key, node, test);
      } else if (word == "message") {
        if (auto name = text(key, node)) test.message = {std::move(*name), spot(node)};
      } else if (word == "message_text") {
        if (const auto content = text(key, node)) test.dialogue.message = app::with_crlf(*content);
      } else if (word == "dns") {
        dns = &node;
        dns_key = &key;
      } else if (word == "answers") {
        read_answers(key, node, test);
      } else if (word == "evidence") {
        read_evidence(key, node, test);
      } else if (word == "expect") {
        if (const toml::table* values = table(key, node)) {
          read_expected(*values, test, {}, given.is_inline());
        }
      }
    }
    if (dns != nullptr) read_zone(*dns_key, *dns, test.zone, test.names);
    for (const std::string_view needed : {"name", "client", "from", "rcpt"}) {
      if (!seen.contains(needed)) {
        add(test.spot, "U003", fmt::format("this test has no `{}`", needed));
      }
    }
    if (!seen.contains("helo")) test.dialogue.helo = mail::literal_of(test.dialogue.client);
    if (test.dialogue.helo && test.dialogue.helo->empty()) test.dialogue.helo.reset();
    test.dialogue.auth_in_clear = tls == false && test.dialogue.login;
    if (seen.contains("message") && seen.contains("message_text")) {
      add(test.message ? test.message->spot : test.spot, "U006",
          "a test has `message` or `message_text`, not both");
    }
    check_expected(test, seen.contains("expect"));
    name_spots_.push_back(name_spot);
    out_.file.tests.push_back(std::move(test));
  }

  void read_client(const toml::key& key, const toml::node& node, Test& test) {
    const auto client = text(key, node);
    if (!client) return;
    const auto address = IpAddress::parse(*client);
    if (address) {
      test.dialogue.client = *address;
    } else {
      add(spot(node), "U004", address.error().message);
    }
  }

  std::optional<mail::Mailbox> address(const std::string& given, const toml::node& node) {
    auto parsed = mail::parse_mailbox(given, mail::Utf8::allowed);
    if (parsed) return std::move(*parsed);
    // Without a domain, as lists may take it.
    const auto path = mail::parse_postfix_path("<" + given + ">", mail::Utf8::allowed);
    if (path && path->length == given.size() + 2 && path->mailbox) return *path->mailbox;
    add(spot(node), "U004",
        fmt::format("`{}` is no address: {}", printable(given, 64), parsed.error().message));
    return std::nullopt;
  }

  void read_recipients(const toml::key& key, const toml::node& node, Test& test) {
    const auto take = [&](const toml::node& one) {
      if (const auto given = text(key, one)) {
        if (auto mailbox = address(*given, one)) {
          test.dialogue.recipients.push_back(std::move(*mailbox));
        }
      }
    };
    const toml::array* list = node.as_array();
    if (list == nullptr) return take(node);
    if (list->empty()) add(spot(node), "U003", "the list `rcpt` is empty");
    for (const toml::node& one : *list) take(one);
  }

  /// The answer in the form of policy::Consultation; nullopt: the program does not answer.
  std::optional<app::RecordedAnswers::Answer> answer(std::string_view service, const toml::key& key,
                                                     const toml::node& node) {
    using Answer = app::RecordedAnswers::Answer;
    if (const auto* given = node.as_string()) {
      return Answer(app::recorded_answer(service, given->get()));
    }
    if (const auto* flag = node.as_boolean(); flag != nullptr && !flag->get()) {
      return Answer(std::nullopt);
    }
    const auto* number = node.as_integer();
    if (number != nullptr && service.starts_with(program_service)) {
      return Answer(std::to_string(number->get()));
    }
    wrong_type(key, node, "text, or `false` if there is no answer,");
    return std::nullopt;
  }

  void read_answers(const toml::key& key, const toml::node& node, Test& test) {
    const toml::table* services = table(key, node);
    if (services == nullptr) return;
    for (const auto& [name, value] : *services) {
      const std::string service(name.str());
      test.services[service] = spot(value);
      const toml::table* requests = value.as_table();
      if (requests == nullptr) {
        if (const auto given = answer(service, name, value)) {
          test.answers.services[service] = *given;
        }
        continue;
      }
      const bool is_table = dialect::restrictions::is_remote_table(service);
      if (is_table) test.answers.services[service] = dialect::restrictions::recorded({});
      for (const auto& [request, content] : *requests) {
        if (!is_table) test.questions[{service, std::string(request.str())}] = spot(content);
        if (const auto given = answer(service, request, content)) {
          test.answers.requests[{service, std::string(request.str())}] = *given;
        }
      }
    }
  }

  void read_evidence(const toml::key& key, const toml::node& node, Test& test) {
    const toml::table* given = table(key, node);
    if (given == nullptr) return;
    app::EvidenceWords& words = test.evidence.emplace();
    for (const auto& [name, value] : *given) {
      const std::string_view word = name.str();
      if (!among(word, app::evidence_keys)) {
        unknown(name, app::evidence_keys);
        continue;
      }
      if (app::is_evidence_count(word)) {
        const auto* number = value.as_integer();
        if (number == nullptr || number->get() < 0) {
          wrong_type(name, value, "a number that is not negative");
        } else {
          words.counts[std::string(word)] = static_cast<std::uint64_t>(number->get());
        }
        continue;
      }
      if (word == "dkim") {
        read_domains(name, value, words.dkim.emplace());
        continue;
      }
      const auto content = text(name, value);
      if (!content) continue;
      const std::vector<std::string_view> known = app::evidence_results(word);
      if (!known.empty() && std::ranges::find(known, *content) == known.end()) {
        not_a_word(value, fmt::format("result of `{}`", word), *content, known);
        continue;
      }
      words.words[std::string(word)] = *content;
    }
  }

  void read_domains(const toml::key& key, const toml::node& node, std::vector<std::string>& into) {
    const toml::array* list = node.as_array();
    if (list == nullptr) {
      wrong_type(key, node, "a list of domains with an acceptable signature");
      return;
    }
    for (const toml::node& one : *list) {
      if (const auto domain = text(key, one)) into.push_back(lower(*domain));
    }
  }

  void read_expected(const toml::table& values, Test& test, const std::string& recipient,
                     bool is_inline) {
    is_inline = is_inline || values.is_inline();
    const bool whole = recipient.empty();
    for (const auto& [key, node] : values) {
      const std::string_view word = key.str();
      if (whole && word == "rcpt") {
        const toml::table* recipients = table(key, node);
        if (recipients == nullptr) continue;
        for (const auto& [name, inner] : *recipients) {
          read_of_recipient(name, inner, test, is_inline || recipients->is_inline());
        }
        continue;
      }
      if (whole ? !among(word, expect_keys) : !among(word, rcpt_keys)) {
        if (whole) {
          unknown(key, expect_keys);
        } else {
          unknown(key, rcpt_keys);
        }
        continue;
      }
      read_value(key, node, test, recipient, is_inline);
    }
  }

  void read_of_recipient(const toml::key& name, const toml::node& node, Test& test,
                         bool is_inline) {
    const std::string wanted = lower(name.str());
    const bool there = std::ranges::any_of(test.dialogue.recipients, [&](const mail::Mailbox& one) {
      return lower(one.text()) == wanted;
    });
    if (!there) {
      late_.push_back({spot(name), std::string(name.str())});
    }
    if (const toml::table* values = table(name, node)) {
      read_expected(*values, test, std::string(name.str()), is_inline);
    }
  }

  void read_value(const toml::key& key, const toml::node& node, Test& test,
                  const std::string& recipient, bool is_inline) {
    Expectation one{.recipient = recipient,
                    .key = std::string(key.str()),
                    .value = {},
                    .spot = spot(node),
                    .is_inline = is_inline};
    if (one.key == "code") {
      const auto* number = node.as_integer();
      if (number == nullptr) return wrong_type(key, node, "a number");
      if (number->get() < 400 || number->get() > 599) {
        return add(one.spot, "U004",
                   fmt::format("{} is no code of a refusal: from 400 to 599", number->get()));
      }
      one.value = std::to_string(number->get());
      one.number = true;
    } else {
      auto value = text(key, node);
      if (!value) return;
      one.value = std::move(*value);
      if (!is_valid(one, node)) return;
    }
    if (one.key == "trace") {
      test.golden = {one.value, one.spot};
    }
    test.expected.push_back(std::move(one));
  }

  bool is_valid(const Expectation& one, const toml::node& node) {
    const auto known = [&](std::string_view what, Words words) {
      if (std::ranges::find(words, one.value) != words.end()) return true;
      not_a_word(node, what, one.value, words);
      return false;
    };
    if (one.key == "verdict") return known("verdict", verdicts);
    if (one.key == "stage") return known("stage", stages);
    if (one.key == "layer") return known("layer", layers);
    if (one.key == "enhanced") {
      const auto parts = split(one.value, '.');
      const bool three = parts.size() == 3 && (parts[0] == "4" || parts[0] == "5") &&
                         std::ranges::all_of(parts, [](std::string_view part) {
                           return part.size() <= 3 && parse_number(part).has_value();
                         });
      if (three) return true;
      add(one.spot, "U004",
          fmt::format("`{}` is no enhanced code of a refusal, such as 5.7.1",
                      printable(one.value, 64)));
      return false;
    }
    if (one.key == "text") {
      const std::string trouble = trouble_of_pattern(one.value);
      if (trouble.empty()) return true;
      add(one.spot, "U004", fmt::format("`text` is no pattern of RE2: {}", trouble));
      return false;
    }
    if (one.value.empty() && one.key != "at") {
      add(one.spot, "U004", fmt::format("`{}` is empty", one.key));
      return false;
    }
    return true;
  }

  void check_expected(Test& test, bool given) {
    for (const auto& [at, name] : std::exchange(late_, {})) {
      const bool there = std::ranges::any_of(
          test.dialogue.recipients,
          [&](const mail::Mailbox& one) { return lower(one.text()) == lower(name); });
      if (!there) {
        add(at, "U004", fmt::format("`{}` is no recipient of this test", printable(name, 64)));
      }
    }
    if (!given || (test.expected.empty() && out_.ok())) {
      add(test.spot, "U003", "this test has no `expect`: nothing is expected");
    }
    std::ranges::sort(test.expected, {}, [](const auto& one) { return one.spot.begin; });
    for (const Expectation& verdict : test.expected) {
      if (verdict.key != "verdict") continue;
      const bool refused = verdict.value == "refused";
      for (const Expectation& other : test.expected) {
        if (other.recipient != verdict.recipient) continue;
        if (!refused && among(other.key, of_refusals)) {
          add(other.spot, "U006",
              fmt::format("a message that is {} has no `{}`: {}", verdict.value, other.key,
                          printable(other.value, 64)),
              "only a refusal has it");
        } else if (refused && other.key == "route") {
          add(other.spot, "U006", "a message that is refused has no `route`");
        }
      }
    }
    const auto find = [&](const std::string& recipient, std::string_view key) {
      const auto found = std::ranges::find_if(test.expected, [&](const Expectation& one) {
        return one.recipient == recipient && one.key == key;
      });
      return found == test.expected.end() ? nullptr : &*found;
    };
    for (const Expectation& code : test.expected) {
      if (code.key != "code") continue;
      const Expectation* enhanced = find(code.recipient, "enhanced");
      // RFC 3463 §2: the class tells of the same success or failure as the code.
      if (enhanced == nullptr || enhanced->value.front() == code.value.front()) continue;
      add(enhanced->spot, "U006",
          fmt::format("the reply code {} does not go with {}", code.value, enhanced->value));
    }
  }

  Parsed out_;
  std::optional<Ruler> ruler_;
  json::object zone_;
  std::vector<Spot> name_spots_;  ///< of the names, by test
  std::vector<std::pair<Spot, std::string>> late_;

 public:
  /// The zone of the file, for each test below its own.
  void share_zone(File& file) {
    for (Test& test : file.tests) {
      for (const auto& [name, entry] : zone_) {
        if (!test.zone.contains(name)) test.zone[name] = entry;
      }
    }
  }
};

}  // namespace

std::string Expectation::path() const {
  return recipient.empty() ? key : fmt::format("rcpt.\"{}\".{}", recipient, key);
}

Diagnostic error_at(const File& file, const Spot& spot, std::string code, std::string message) {
  Diagnostic diagnostic;
  diagnostic.code = std::move(code);
  diagnostic.file = file.name;
  diagnostic.line = spot.line;
  diagnostic.column = spot.column;
  diagnostic.end_column = spot.end_column;
  std::string_view line = app::line_of(file.text, spot.line);
  if (line.ends_with('\r')) line.remove_suffix(1);
  diagnostic.source_line = std::string(line);
  diagnostic.message = std::move(message);
  return diagnostic;
}

std::string beside(const std::string& file, const std::string& name) {
  return (std::filesystem::path(file).parent_path() / name).lexically_normal().string();
}

Parsed parse_file(std::string text, std::string name) {
  Reader reader(std::move(text), std::move(name));
  Parsed parsed = reader.read();
  reader.share_zone(parsed.file);
  return parsed;
}

}  // namespace postern::ptest
