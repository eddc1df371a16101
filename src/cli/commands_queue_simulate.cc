// `postern queue simulate`: what happens to mail when a destination gives certain answers.
#include <map>
#include <ostream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"
#include "cli/commands_queue.h"
#include "cli/json_text.h"
#include "cli/mail_text.h"
#include "cli/scenario_file.h"
#include "config/input_file.h"
#include "serve/outbound.h"

namespace postern::app {
namespace {

namespace json = boost::json;
using relay::Scenario;
using relay::Simulated;
using relay::SimulatedResult;
using relay::Time;

std::string_view word_of_outcome(SimulatedResult::What what) {
  switch (what) {
    case SimulatedResult::What::temporary:
      return "temporary";
    case SimulatedResult::What::permanent:
      return "permanent";
    case SimulatedResult::What::delivered:
      return "delivered";
    case SimulatedResult::What::interrupted:
      return "interrupted";
  }
  return "";
}

std::string_view word_of_outcome(Simulated::End how) {
  switch (how) {
    case Simulated::End::delivered:
      return "delivered";
    case Simulated::End::permanent:
      return "permanent";
    case Simulated::End::expired:
      return "expired";
  }
  return "";
}

/// Whole seconds as an integer: a double would be printed as 1.2E3.
json::value in_seconds(Time time) {
  if (time.count() % 1000 == 0) return time.count() / 1000;
  return static_cast<double>(time.count()) / 1000;
}

json::object simulated_json(const Simulated& seen, const Scenario& scenario) {
  const auto id = [&](std::size_t message) { return scenario.messages[message].id; };
  json::array attempts;
  for (const auto& each : seen.attempts) {
    attempts.push_back(json::object{{"t", in_seconds(each.at)},
                                    {"message", id(each.message)},
                                    {"attempt", each.number},
                                    {"result", word_of_outcome(each.result)}});
  }
  json::array notices;
  for (const auto& each : seen.notices) {
    notices.push_back(json::object{{"t", in_seconds(each.at)}, {"message", id(each.message)}});
  }
  json::array ends;
  for (const auto& each : seen.ends) {
    json::object end{{"t", in_seconds(each.at)},
                     {"message", id(each.message)},
                     {"result", word_of_outcome(each.how)}};
    if (each.how == Simulated::End::expired) end["status"] = relay::expired_status.to_string();
    ends.push_back(std::move(end));
  }
  return {{"attempts", std::move(attempts)},
          {"delay_notices", std::move(notices)},
          {"ends", std::move(ends)},
          {"left", scenario.messages.size() - seen.ends.size()}};
}

/// "2d 04:05:06"
std::string clock_text(Time time) {
  const std::int64_t all = time.count() / 1000;
  const std::string days = all >= 86400 ? fmt::format("{}d ", all / 86400) : std::string();
  return fmt::format("{}{:02}:{:02}:{:02}", days, all / 3600 % 24, all / 60 % 60, all % 60);
}

std::string simulated_text(const Simulated& seen, const Scenario& scenario) {
  // By time; events of the same time in the order of the simulation.
  std::multimap<Time, std::string> lines;
  const auto add = [&](Time at, std::size_t message, const std::string& what) {
    const std::string who =
        scenario.messages.size() > 1 ? printable(scenario.messages[message].id, 64) + "  " : "";
    lines.emplace(at, fmt::format("{:>12}  {}{}\n", clock_text(at), who, what));
  };
  for (const auto& each : seen.attempts) {
    add(each.at, each.message,
        fmt::format("attempt {}: {}", each.number, word_of_outcome(each.result)));
  }
  for (const auto& each : seen.notices) {
    add(each.at, each.message, "the sender is told that it waits");
  }
  std::map<std::size_t, Time> last;
  for (const auto& each : seen.attempts) last[each.message] = each.at;
  for (const auto& each : seen.ends) {
    if (each.how != Simulated::End::expired) {  // its last attempt shows it, unless that took time
      if (each.at != last[each.message])
        add(each.at, each.message, std::string(word_of_outcome(each.how)));
      continue;
    }
    add(each.at, each.message,
        fmt::format("given up, {}: the sender gets it back", relay::expired_status.to_string()));
  }
  for (const auto& each : seen.jumps) {
    add(each.at, 0, fmt::format("the wall clock was set by {} ms", each.by.count()));
  }
  std::string out;
  for (const auto& [at, line] : lines) out += line;
  const std::size_t left = scenario.messages.size() - seen.ends.size();
  if (left != 0) out += fmt::format("{:>12}  {} in the queue\n", "", left);
  return out;
}

}  // namespace

int run_queue_simulate(const Arguments& arguments, Streams& streams) {
  const bool json = arguments.has("--json");
  if (arguments.words.empty()) {
    return report_usage({"which scenario?",
                         "`postern queue simulate FILE`; docs/queue.md says what "
                         "is in it"},
                        json, streams);
  }
  const std::string& name = arguments.words.front();
  const auto text = read_input(name, streams.in);
  if (!text) {
    report(text.error().message, "", json, streams);
    return to_int(ExitCode::no_input);
  }
  const std::optional<Config> config = load_for(arguments, streams, without_files(arguments));
  if (!config) return to_int(ExitCode::config);
  const queue::RunnerOptions ours = runner_options(*config);
  Scenario preset;
  preset.policy = ours.relay;
  preset.limits = ours.limits;
  const auto scenario = read_scenario(*text, preset);
  if (!scenario) {
    report(fmt::format("{}: {}", printable(name, 200), scenario.error().message),
           "docs/queue.md says what is in such a file", json, streams);
    return to_int(ExitCode::bad_data);
  }
  const Simulated seen = relay::simulate(*scenario);
  if (json) {
    streams.out << json_text(simulated_json(seen, *scenario)) << '\n';
  } else {
    streams.out << simulated_text(seen, *scenario);
  }
  return to_int(ExitCode::ok);
}

}  // namespace postern::app
