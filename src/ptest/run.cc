#include "ptest/run.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <boost/json/serialize.hpp>

#include "base/text.h"
#include "config/engine.h"
#include "config/input_file.h"
#include "config/script_runtime.h"
#include "dns/recorded_resolver.h"
#include "explain/report.h"
#include "policy/webhook.h"
#include "ptest/directory.h"
#include "ptest/pattern.h"

namespace postern::ptest {

using policy::Decision;
using policy::Stage;
using policy::Trace;

namespace {

/// Fixed, so that no result depends on the day: 2026-01-01T00:00:00Z.
constexpr std::chrono::system_clock::time_point now_of_tests{std::chrono::seconds(1767225600)};

/// The time of a message's Date field (RFC 5322 §3.3); without a usable one that of tests.
std::chrono::system_clock::time_point time_of(std::string_view message) {
  const std::string_view header = message.substr(0, message.find("\r\n\r\n"));
  for (std::string_view line : split(header, '\n')) {
    constexpr std::string_view field = "date:";
    if (!istarts_with(line, field)) continue;
    std::string date(trim(line.substr(field.size())));
    if (const std::size_t comma = date.find(','); comma != std::string::npos) {
      date = trim(std::string_view(date).substr(comma + 1));
    }
    std::tm parts{};
    if (::strptime(date.c_str(), "%d %b %Y %H:%M:%S %z", &parts) == nullptr) break;
    const long offset = parts.tm_gmtoff;  // timegm() sets it to 0
    return std::chrono::system_clock::from_time_t(::timegm(&parts) - offset);
  }
  return now_of_tests;
}

/// The stage that the client sees: what is decided after the end of data answers it.
std::string_view stage_of(Stage stage) {
  return policy::to_string(std::min(stage, Stage::message));
}

std::string verdict_of_taken(const Trace& trace) {
  if (trace.evidence.discard) return "discarded";
  const bool held = std::ranges::any_of(
      trace.decisions, [](const Decision& one) { return one.quarantine.has_value(); });
  return held ? "held" : "taken";
}

std::optional<std::string> route_of(const policy::Recipient& recipient) {
  switch (recipient.route.kind) {
    case policy::Route::Kind::webhook:
      return recipient.route.webhook->address;
    case policy::Route::Kind::relay:
      return "relay";
    case policy::Route::Kind::none:
      break;
  }
  return std::nullopt;
}

void add_refusal(Got& got, const smtp::Reply& reply, const Decision* decision) {
  got["verdict"] = "refused";
  got["stage"] = decision != nullptr ? stage_of(decision->stage) : "message";
  got["code"] = std::to_string(reply.code);
  if (reply.enhanced.present()) got["enhanced"] = reply.enhanced.to_string();
  got["text"] = reply.text;
  const policy::Step* step = decision != nullptr ? policy::refusing_step(*decision) : nullptr;
  if (step == nullptr) return;
  got["layer"] = step->layer;
  got["rule"] = step->check;
  got["at"] = step->origin;
}

const Decision* decision_on(const Trace& trace, std::string_view recipient) {
  const std::string wanted = lower(recipient);
  for (const Decision& one : trace.decisions) {
    if (one.stage == Stage::rcpt && lower(one.recipient) == wanted) return &one;
  }
  return nullptr;
}

/// "main.vsl:4" for "main.vsl:4:12": scripts are known by the line, too.
bool is_same_place(std::string_view wanted, std::string_view got) {
  if (wanted == got) return true;
  const auto number_after = [](std::string_view text, std::size_t colon) {
    return colon != std::string_view::npos && parse_number(text.substr(colon + 1)).has_value();
  };
  const std::size_t column = got.rfind(':');
  if (!number_after(got, column) || got.substr(0, column) != wanted) return false;
  return number_after(wanted, wanted.rfind(':'));
}

bool is_met(const Expectation& expected, const std::optional<std::string>& got) {
  if (!got) return false;
  if (expected.key == "text") return finds(expected.value, *got);
  if (expected.key == "at") return is_same_place(expected.value, *got);
  return expected.value == *got;
}

/// A message for evidence that has none: what its header says is in the evidence.
std::string stand_in_text(const app::Dialogue& said, const app::EvidenceWords& words) {
  const auto author = words.words.find("author");
  const std::string from = author != words.words.end() ? "author@" + author->second
                           : said.sender               ? said.sender->text()
                                                       : std::string("author@author.invalid");
  return fmt::format(
      "From: <{}>\r\nTo: <{}>\r\nSubject: a test\r\nDate: Thu, 01 Jan 2026 00:00:00 "
      "+0000\r\nMessage-ID: <test@test.invalid>\r\n\r\na test\r\n",
      from, said.recipients.empty() ? std::string() : said.recipients.front().text());
}

policy::MessageFacts facts_of(const std::string& text, const app::EvidenceWords& words) {
  policy::MessageFacts facts = policy::facts_of(text);
  const auto take = [&](std::string_view key, auto& into) {
    const auto found = words.counts.find(key);
    if (found != words.counts.end()) into = found->second;
  };
  take("size", facts.size);
  take("header_size", facts.header_size);
  take("header_fields", facts.header_fields);
  take("received", facts.received_fields);
  take("from_fields", facts.from_fields);
  if (const auto id = words.words.find("message_id"); id != words.words.end()) {
    facts.message_id = id->second;
  }
  return facts;
}

/// `restrictions reject_unauth_destination at smtpd_relay_restrictions:3, main.cf:12:3`.
std::string deciding_line(const Trace& trace, const app::Explanation& explanation) {
  const Decision* decision = trace.settling();
  const policy::Step* step = decision != nullptr ? policy::refusing_step(*decision) : nullptr;
  if (step == nullptr || !app::was_refused(trace)) return {};
  std::string line = fmt::format("{} {}", step->layer, step->check);
  if (!step->origin.empty()) line += " at " + app::shown(step->origin);
  const auto place = explanation.places.find(step->origin);
  if (place != explanation.places.end()) line += ", " + app::shown(place->second);
  return line;
}

}  // namespace

Got got_of(const Trace& trace) {
  Got got;
  if (app::was_refused(trace)) {
    const bool own = trace.reply.code != 0;  // no policy refused
    add_refusal(got, trace.settled(), own ? nullptr : trace.settling());
    return got;
  }
  got["verdict"] = verdict_of_taken(trace);
  if (!trace.evidence.recipients.empty()) {
    if (auto route = route_of(trace.evidence.recipients.front())) got["route"] = std::move(*route);
  }
  return got;
}

Got got_of(const Trace& trace, std::string_view recipient) {
  const Decision* decision = decision_on(trace, recipient);
  if (decision == nullptr || !policy::refused(*decision)) {
    Got got = got_of(trace);
    got.erase("route");
    // Another recipient's refusal is not this one's.
    const bool of_another =
        decision != nullptr && app::was_refused(trace) && trace.evidence.recipients.empty();
    return of_another ? Got{{"verdict", verdict_of_taken(trace)}} : got;
  }
  Got got;
  add_refusal(got, decision->reply, decision);
  return got;
}

Player::Player(const File& file, ReadFile read) : file_(file), read_(std::move(read)) {}

void Player::prepare(app::Diagnostics& diagnostics) {
  fill_directory(file_, directory_, diagnostics);
  for (const Test& test : file_.tests) {
    if (test.message && !messages_.contains(test.message->name)) {
      const Result<std::string> text = read_(test.message->name);
      if (!text) {
        diagnostics.add(error_at(file_, test.message->spot, "U007", text.error().message));
      } else {
        messages_[test.message->name] = app::with_crlf(*text);
      }
    }
    if (test.golden && !golden_.contains(test.golden->name)) {
      if (Result<std::string> text = read_(test.golden->name)) {
        golden_[test.golden->name] = std::move(*text);
      }
    }
  }
}

Outcome Player::play(const Test& test, const app::Config& config) {
  for (const auto& runtime : {config.lua.runtime, config.vsl.runtime}) {
    if (runtime) runtime->simulate();
  }
  if (const std::string& own = config.webhooks.public_domain; own_domains_.insert(own).second) {
    directory_.apply({.put_domains = {own}});
  }
  app::Dialogue said = test.dialogue;
  if (test.message) said.message = messages_.at(test.message->name);
  app::FrozenEvidence frozen;
  if (test.evidence) {
    frozen = app::frozen_from(*test.evidence);
    if (!said.message) said.message = stand_in_text(said, *test.evidence);
    frozen.message = facts_of(*said.message, *test.evidence);
  }
  const boost::json::object zone{{"zone", test.zone}};
  const auto resolver = dns::RecordedResolver::parse(boost::json::serialize(zone)).value();
  const policy::Engine engine = app::engine_for(config);
  Outcome outcome{.test = &test};
  const auto started = std::chrono::steady_clock::now();
  outcome.decided = app::play({.config = config,
                               .engine = engine,
                               .directory = directory_,
                               .resolver = *resolver,
                               .others = app::others_from(test.answers),
                               .frozen = std::move(frozen),
                               .now = said.message ? time_of(*said.message) : now_of_tests},
                              said);
  outcome.took = std::chrono::steady_clock::now() - started;
  for (const std::string& name : resolver->unasked()) {
    const auto own = test.names.find(name);
    if (own != test.names.end()) outcome.unasked.push_back({"asked for " + name, own->second});
  }
  for (const policy::Consultation& one : outcome.decided.evidence.consulted) {
    consulted_[one.service].insert(std::string(app::asked_of(one)));
  }
  const std::vector<std::string> unasked = resolver->unasked();
  for (const auto& [name, spot] : file_.zone) {
    if (std::ranges::find(unasked, name) == unasked.end()) asked_.insert(name);
  }
  const app::Explanation explanation = app::explanation_of(outcome.decided);
  outcome.trace = app::lasting_text(explanation);
  outcome.deciding = deciding_line(outcome.decided, explanation);
  outcome.got = got_of(outcome.decided);
  compare(test, outcome);
  return outcome;
}

void Player::compare(const Test& test, Outcome& outcome) const {
  for (std::size_t i = 0; i < test.expected.size(); ++i) {
    const Expectation& expected = test.expected[i];
    if (expected.key == "trace") {
      const auto found = golden_.find(expected.value);
      if (found == golden_.end() || found->second != outcome.trace) {
        outcome.differs.push_back({i, found == golden_.end() ? "no such file" : "another trace"});
      }
      continue;
    }
    const Got* values = &outcome.got;
    if (!expected.recipient.empty()) {
      auto [at, added] = outcome.recipients.try_emplace(expected.recipient);
      if (added) at->second = got_of(outcome.decided, expected.recipient);
      values = &at->second;
    }
    const auto value = values->find(expected.key);
    const auto got =
        value == values->end() ? std::nullopt : std::optional<std::string>(value->second);
    if (!is_met(expected, got)) outcome.differs.push_back({i, got});
  }
}

std::vector<std::string> Player::unasked() const {
  std::vector<std::string> names;
  for (const auto& [name, spot] : file_.zone) {
    if (!asked_.contains(name)) names.push_back(name);
  }
  return names;
}

std::vector<Unasked> Player::unasked_answers() const {
  std::vector<Unasked> all;
  std::set<std::string> told;
  const auto tell = [&](std::string what, const Spot& spot) {
    if (told.insert(what).second) all.push_back({std::move(what), spot});
  };
  for (const Test& test : file_.tests) {
    for (const auto& [service, spot] : test.services) {
      if (!consulted_.contains(service)) tell("asked " + service, spot);
    }
    for (const auto& [question, spot] : test.questions) {
      const auto asked = consulted_.find(question.first);
      if (asked == consulted_.end() || asked->second.contains(question.second)) continue;
      tell(fmt::format("asked {} at {}", question.first, question.second), spot);
    }
  }
  return all;
}

std::optional<std::string> Player::golden(const Test& test) const {
  const auto found = test.golden ? golden_.find(test.golden->name) : golden_.end();
  return found == golden_.end() ? std::nullopt : std::optional<std::string>(found->second);
}

}  // namespace postern::ptest
