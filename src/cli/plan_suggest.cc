#include "cli/plan_suggest.h"

#include <algorithm>
#include <functional>
#include <iostream>
#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/json_text.h"
#include "cli/mail_text.h"
#include "cli/plan_versions.h"
#include "config/input_file.h"
#include "plan/suggest.h"
#include "ptest/file.h"
#include "ptest/run.h"

namespace postern::app {

namespace {

/// Which verdict a test expects for a recipient ("": for the whole message); nullopt: none that an
/// edit of lists could give.
std::optional<std::string> wanted_by(const ptest::Test& test, std::string_view recipient) {
  for (const ptest::Expectation& one : test.expected) {
    if (!iequals(one.recipient, recipient)) continue;
    if (one.key == "verdict" && (one.value == "taken" || one.value == "refused")) return one.value;
    if (one.key == "code") return "refused";  // what is taken has none
  }
  return std::nullopt;
}

/// The recipients whose verdict is asked about, with the one that is wanted. Of those that the test
/// does not name, none if the whole message gets its verdict: it is taken if one of them is.
/// `play`: decides the whole message.
std::vector<std::pair<mail::Mailbox, std::string>> wanted_verdicts(
    const ptest::Test& test, const std::optional<std::string>& should,
    const std::function<policy::Trace()>& play) {
  const auto whole = should ? should : wanted_by(test, "");
  const bool many = test.dialogue.recipients.size() > 1;
  const bool is_met = !should && many && whole && ptest::got_of(play()).at("verdict") == *whole;
  std::vector<std::pair<mail::Mailbox, std::string>> found;
  for (const mail::Mailbox& recipient : test.dialogue.recipients) {
    const auto own = should ? should : wanted_by(test, recipient.text());
    if (own) {
      found.emplace_back(recipient, *own);
    } else if (whole && !is_met) {
      found.emplace_back(recipient, *whole);
    }
  }
  return found;
}

int report_file(const Diagnostics& diagnostics, const Arguments& arguments, Streams& streams) {
  streams.err << (arguments.has("--json") ? diagnostics.json_lines()
                                          : diagnostics.render(wants_color(arguments)));
  return to_int(ExitCode::bad_data);
}

}  // namespace

int suggest_edits(const std::string& version, const std::string& tests,
                  const plan::EditOptions& options, const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  const auto should = arguments.value("--should");
  if (should && *should != "taken" && *should != "refused") {
    return report_usage(
        {fmt::format("--should: `{}` is no verdict", printable(*should, 64)), "taken or refused"},
        json, streams);
  }
  if (is_of_gateway(version)) {
    return report_usage({"--suggest edits a configuration file",
                         "name the file; lists set through the API are first written into its "
                         "[restrictions] (GET /api/v1/connection-policies shows them)"},
                        json, streams);
  }
  const Result<std::string> text = read_input(tests, streams.in);
  if (!text) {
    report(text.error().message, "name a file of tests (docs/policy-tests.md)", json, streams);
    return to_int(ExitCode::no_input);
  }
  ptest::Parsed parsed = ptest::parse_file(*text, tests);
  ptest::Player player(parsed.file, [&](const std::string& relative) {
    return read_input(ptest::beside(tests, relative), std::cin);
  });
  if (parsed.ok()) player.prepare(parsed.diagnostics);
  if (!parsed.ok()) return report_file(parsed.diagnostics, arguments, streams);

  PlanVersions versions(arguments, streams);
  const auto loaded = versions.load(version, version);
  if (!loaded) return to_int(loaded.error());
  const plan::Edition& now = loaded->first;
  versions.note_lists_in_force(version, now.config);
  const LoadOptions load = PlanVersions::load_options(arguments);
  bool all_found = true;
  std::size_t asked = 0;
  boost::json::array answers;
  for (const ptest::Test& test : parsed.file.tests) {
    const auto say = [&](std::string_view what) {
      if (json || arguments.has("--quiet")) return;
      streams.out << fmt::format("{}: {}\n", printable(test.name, 200), what);
    };
    const auto recipients =
        wanted_verdicts(test, should, [&] { return player.play(test, now.config).decided; });
    if (recipients.empty() && wanted_by(test, "")) {
      ++asked;
      say("is decided as it should be");
    } else if (recipients.empty()) {
      say("not asked: it expects neither taken nor refused; --should says it");
    }
    for (const auto& [recipient, verdict] : recipients) {
      ++asked;
      // Each recipient is a dialogue of its own.
      ptest::Test one = test;
      one.dialogue.recipients = {recipient};
      if (test.dialogue.recipients.size() > 1) one.name += " (to " + recipient.text() + ")";
      const plan::Complaint complaint{
          .name = one.name, .dialogue = one.dialogue, .should_be_taken = verdict == "taken"};
      std::set<std::string> silent;  // other programs whose answer the test does not have
      const plan::SuggestTools tools{
          .edited = [&](const plan::ListEdit& edit) { return edited(now, edit, load); },
          .play =
              [&](const plan::Edition& edition) {
                policy::Trace decided = player.play(one, edition.config).decided;
                for (const policy::Consultation& asked : decided.evidence.consulted) {
                  if (!has_answer(one.answers, asked)) silent.insert(asked.service);
                }
                return decided;
              }};
      const plan::Suggestions found = plan::suggest(now, complaint, tools, options);
      if (!found.is_wrong) silent.clear();
      all_found = all_found && (!found.is_wrong || !found.found.empty());
      if (json) {
        boost::json::object told = plan::suggestions_json(complaint, found);
        told["unanswered"] = boost::json::value_from(silent);
        answers.push_back(std::move(told));
      } else if (!arguments.has("--quiet")) {
        streams.out << plan::suggestions_text(complaint, found);
        for (const std::string& service : silent) {
          streams.out << fmt::format(
              "  note: the test has no answer of {}, which counts as one that does not answer; "
              "`answers.\"{}\"` says what it would answer\n",
              printable(service, 200), printable(service, 200));
        }
      }
    }
  }
  if (asked == 0) {
    report("no test says which verdict is wanted",
           "each has expect.verdict = \"taken\" or \"refused\", or --should says it", json,
           streams);
    return to_int(ExitCode::bad_data);
  }
  if (json) {
    streams.out << json_text(boost::json::object{{"suggest", 1}, {"tests", std::move(answers)}})
                << '\n';
  }
  return to_int(all_found ? ExitCode::ok : ExitCode::no);
}

}  // namespace postern::app
