// What scripts were told, as a decision's record keeps it: a line for each call of a script.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/ip.h"
#include "policy/layer.h"
#include "script/call.h"
#include "script/world.h"

namespace postern::dialect {

/// With its line feed; "\n" when the call asked nobody.
std::string line_of(const std::vector<script::Told>& all);
/// Such a line again, without its line feed. Throws what Boost.JSON throws at one that is none.
std::vector<script::Told> told_of(std::string_view line);
/// The first of the lines, which is taken off.
std::string take_line(std::string& lines);

/// Networks in a policy's definition; what is none there is left out.
boost::json::array networks_json(std::span<const Cidr> networks);
CidrSet networks_of(const boost::json::value& list);

/// Of a script that runs from its record: nobody is asked anything.
class NoWorld final : public script::World {
 public:
  Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                        script::Clock::time_point deadline) override;
  Task<Result<void>> blocking(std::function<void()> job) override;
  void log(std::string_view, std::string_view, std::string_view) override {}
};

/// The world of one call of a script. While a recorded decision is made again nobody is asked
/// anything, and what the script writes goes to the gatherer instead of the log.
class CallWorld final : public script::World {
 public:
  /// All outlive it.
  CallWorld(script::World& live, const policy::Evidence& evidence, policy::Gatherer& gatherer)
      : live_(live), gatherer_(gatherer), offline_(evidence.offline) {}

  Task<Result<script::HttpAnswer>> http(script::HttpQuestion question,
                                        script::Clock::time_point deadline) override;
  Task<Result<void>> blocking(std::function<void()> job) override;
  void log(std::string_view level, std::string_view place, std::string_view text) override;
  std::shared_ptr<MemoryBudget> memory() override { return live_.memory(); }
  bool simulates() override { return live_.simulates(); }

 private:
  script::World& live_;
  policy::Gatherer& gatherer_;
  const bool offline_;
};

/// Runs a task to its end on a loop of its own: of scripts that load where none runs.
void run_alone(Task<void> task);

}  // namespace postern::dialect
