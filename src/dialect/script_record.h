// The recorded answers to scripts: one line per call of a script.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/ip.h"
#include "policy/inquiry.h"
#include "policy/layer.h"
#include "script/call.h"
#include "script/world.h"

namespace postern::dialect {

/// A line with its line feed; "
/// " if the call asked for nothing.
std::string line_of(const std::vector<script::Told>& all);
/// Parses a line without its line feed. Throws as Boost.JSON for an invalid one.
std::vector<script::Told> told_of(std::string_view line);
/// Removes and returns the first line.
std::string take_line(std::string& lines);

/// Networks as a JSON array, for definitions of policies.
boost::json::array networks_json(std::span<const Cidr> networks);
/// The reverse; skips elements that are no networks.
CidrSet networks_of(const boost::json::value& list);

/// The world of a script that runs from its record: every request fails.
class NoWorld final : public script::World {
 public:
  Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                        script::Clock::time_point deadline) override;
  Task<Result<void>> blocking(std::function<void()> job) override;
  void log(std::string_view, std::string_view, std::string_view) override {}
};

/// The world of one call of a script. During a replay requests fail, and log lines go to the
/// gatherer instead of the log.
class CallWorld final : public script::World {
 public:
  /// Both must outlive this object.
  CallWorld(script::World& live, policy::Inquiry& inquiry)
      : live_(live), inquiry_(inquiry), offline_(inquiry.tape.playing) {}

  Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                        script::Clock::time_point deadline) override;
  Task<Result<void>> blocking(std::function<void()> job) override;
  void log(std::string_view level, std::string_view place, std::string_view text) override;
  std::shared_ptr<MemoryBudget> memory() override { return live_.memory(); }
  bool simulates() override { return live_.simulates(); }
  bool asks_nobody() override { return live_.asks_nobody(); }

 private:
  script::World& live_;
  policy::Inquiry& inquiry_;
  const bool offline_;
};

/// Runs a task to its end on an event loop of its own; for scripts that load without one.
void run_alone(Task<void> task);

}  // namespace postern::dialect
