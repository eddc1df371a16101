#include "cli/scenario_file.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/amount.h"
#include "base/text.h"

namespace postern::app {
namespace {

namespace json = boost::json;
using relay::Scenario;
using relay::SimulatedEvent;
using relay::SimulatedMessage;
using relay::SimulatedResult;
using relay::Time;
using std::chrono::seconds;

constexpr double longest_simulation = 10.0 * 365 * 24 * 3600;
constexpr std::size_t most_messages = 100'000;

/// Keeps the first error; everything after it is discarded.
class ScenarioReader {
 public:
  ScenarioReader(const json::object& file, const Scenario& preset) : file_(file) {
    out_.policy = preset.policy;
    out_.limits = preset.limits;
  }

  Result<Scenario> read() {
    only(file_, "", {"config", "results", "events", "jitter", "messages", "until"});
    read_config();
    read_messages();
    read_results();
    for (const json::value& each : list(file_, "events")) read_event(each);
    read_jitter();
    if (file_.contains("until")) out_.until = time(file_, "until");
    if (!trouble_.empty()) return fail(Fault::malformed, trouble_);
    return std::move(out_);
  }

 private:
  void complain(std::string trouble) {
    if (trouble_.empty()) trouble_ = std::move(trouble);
  }

  void only(const json::object& object, std::string_view where,
            std::initializer_list<std::string_view> known) {
    for (const auto& [key, value] : object) {
      if (std::find(known.begin(), known.end(), std::string_view(key)) != known.end()) continue;
      complain(fmt::format("unknown member `{}`{}{}", printable(key, 64),
                           where.empty() ? "" : " of ", where));
    }
  }

  const json::object& object(const json::value& value, std::string_view what) {
    static const json::object none;
    if (const json::object* found = value.if_object()) return *found;
    complain(fmt::format("`{}`: an object expected", what));
    return none;
  }
  const json::array& list(const json::object& of, std::string_view key) {
    static const json::array none;
    const json::value* found = of.if_contains(key);
    if (found == nullptr) return none;
    if (const json::array* array = found->if_array()) return *array;
    complain(fmt::format("`{}`: a list expected", key));
    return none;
  }
  std::string text(const json::object& of, std::string_view key, std::string_view otherwise = {}) {
    const json::value* found = of.if_contains(key);
    if (found == nullptr) return std::string(otherwise);
    if (const json::string* string = found->if_string()) return std::string(*string);
    complain(fmt::format("`{}`: a text expected", key));
    return {};
  }

  /// Seconds or "3h". `negative`: a clock change may be negative.
  Time time(const json::object& of, std::string_view key, bool negative = false) {
    const json::value* found = of.if_contains(key);
    if (found == nullptr) {
      complain(fmt::format("`{}` is missing", key));
      return Time{0};
    }
    if (const json::string* string = found->if_string()) {
      const auto duration = parse_duration(*string);
      if (duration) return *duration;
      complain(fmt::format("`{}`: {}", key, duration.error().message));
      return Time{0};
    }
    if (found->is_number()) {
      const auto number = found->to_number<double>();
      if (number >= (negative ? -longest_simulation : 0) && number <= longest_simulation) {
        return Time(static_cast<std::int64_t>(number * 1000));
      }
    }
    complain(fmt::format("`{}`: seconds, or a text such as \"3h\", expected", key));
    return Time{0};
  }
  seconds whole(const json::object& of, std::string_view key, seconds least) {
    const auto found = std::chrono::duration_cast<seconds>(time(of, key));
    if (found >= least) return found;
    complain(fmt::format("`{}`: at least {} s", key, least.count()));
    return least;
  }
  std::uint32_t count(const json::object& of, std::string_view key, std::uint64_t most) {
    const json::value& found = of.at(key);
    boost::system::error_code error;
    const auto number = found.to_number<std::uint64_t>(error);
    if (!error && number >= 1 && number <= most) return static_cast<std::uint32_t>(number);
    complain(fmt::format("`{}`: a whole number from 1 to {} expected", key, most));
    return 1;
  }

  void read_config() {
    const json::value* given = file_.if_contains("config");
    if (given == nullptr) return;
    const json::object& config = object(*given, "config");
    only(config, "`config`",
         {"initial", "max", "ttl", "delay_notice", "workers", "per_destination"});
    relay::RetryPolicy& policy = out_.policy;
    if (config.contains("initial")) policy.initial = whole(config, "initial", seconds(1));
    if (config.contains("max")) policy.max = whole(config, "max", seconds(1));
    if (config.contains("ttl")) policy.ttl = whole(config, "ttl", seconds(1));
    if (const json::value* notice = config.if_contains("delay_notice")) {
      policy.delay_notice.reset();
      if (!notice->is_null()) policy.delay_notice = whole(config, "delay_notice", seconds(0));
    }
    if (config.contains("workers")) out_.limits.workers = count(config, "workers", 10'000);
    if (config.contains("per_destination")) {
      out_.limits.initial_connections = count(config, "per_destination", 10'000);
      out_.limits.max_connections = out_.limits.initial_connections;
    }
  }

  void read_messages() {
    for (const json::value& each : list(file_, "messages")) {
      const json::object& message = object(each, "messages");
      only(message, "`messages`", {"id", "arrival", "tenant", "to", "count"});
      SimulatedMessage made{.id = text(message, "id", "message"),
                            .tenant = text(message, "tenant"),
                            .destination = text(message, "to", "example.test")};
      if (message.contains("arrival")) made.arrival = time(message, "arrival");
      const std::size_t times =
          message.contains("count") ? count(message, "count", most_messages) : 1;
      if (out_.messages.size() + times > most_messages) {
        return complain(fmt::format("`messages`: at most {}", most_messages));
      }
      out_.messages.insert(out_.messages.end(), times, made);
    }
    if (out_.messages.empty()) out_.messages.push_back({"message", "", "example.test", Time{0}});
  }

  void read_results() {
    const json::value* given = file_.if_contains("results");
    if (given == nullptr) return complain("`results` is missing");
    if (const json::object* by_name = given->if_object()) {
      for (const auto& [name, value] : *by_name) read_results(name, value);
    } else {
      read_results("*", *given);
    }
    // Recipients that are not named are delivered.
    out_.results.try_emplace("*", std::vector<SimulatedResult>{{SimulatedResult::What::delivered}});
  }
  void read_results(std::string_view name, const json::value& value) {
    std::vector<SimulatedResult>& into = out_.results[std::string(name)];
    if (const json::array* several = value.if_array()) {
      for (const json::value& each : *several) into.push_back(result_of(each));
    } else {
      into.push_back(result_of(value));
    }
    if (into.empty()) complain("`results`: an empty list");
  }
  SimulatedResult result_of(const json::value& value) {
    const json::object& given = object(value, "results");
    only(given, "`results`", {"class", "phase", "takes", "until"});
    SimulatedResult out;
    const std::string klass = text(given, "class");
    if (klass == "delivered") {
      out.what = SimulatedResult::What::delivered;
    } else if (klass == "permanent") {
      out.what = SimulatedResult::What::permanent;
    } else if (klass == "interrupted") {
      out.what = SimulatedResult::What::interrupted;
    } else if (klass != "temporary") {
      complain("`class`: delivered, temporary, permanent or interrupted");
    }
    out.no_connection = text(given, "phase") == "connect";
    if (given.contains("takes")) out.takes = time(given, "takes");
    if (given.contains("until")) out.until = time(given, "until");
    return out;
  }

  void read_event(const json::value& value) {
    using What = SimulatedEvent::What;
    static const std::map<std::string, What, std::less<>> words{
        {"down", What::down},
        {"hold", What::hold},
        {"destination_sleep", What::destination_sleep},
        {"retry", What::retry},
        {"wall_jump", What::wall_jump}};
    const json::object& given = object(value, "events");
    only(given, "`events`", {"t", "do", "until", "by"});
    const auto word = words.find(text(given, "do"));
    if (word == words.end()) {
      return complain("`do`: down, hold, destination_sleep, retry or wall_jump");
    }
    SimulatedEvent event{.what = word->second, .at = time(given, "t")};
    if (event.what == What::wall_jump) event.by = time(given, "by", true);
    if (event.what != What::wall_jump && event.what != What::retry) {
      event.until = time(given, "until");
      if (event.until < event.at) complain("`until` is before `t`");
    }
    out_.events.push_back(event);
  }

  /// 0, or an array of random numbers.
  void read_jitter() {
    const json::value* given = file_.if_contains("jitter");
    if (given == nullptr || (given->is_int64() && given->get_int64() == 0)) return;
    for (const json::value& each : list(file_, "jitter")) {
      const double draw = each.is_number() ? each.to_number<double>() : 2;
      if (draw < -1 || draw > 1) return complain("`jitter`: numbers from -1 to 1 expected");
      out_.draws.push_back(draw);
    }
  }

  const json::object& file_;
  Scenario out_;
  std::string trouble_;
};

}  // namespace

Result<Scenario> read_scenario(std::string_view text, const Scenario& preset) {
  boost::system::error_code error;
  const json::value parsed = json::parse(text, error);
  if (error) return fail(Fault::malformed, "not JSON: " + error.message());
  if (!parsed.is_object()) return fail(Fault::malformed, "a JSON object expected");
  return ScenarioReader(parsed.get_object(), preset).read();
}

}  // namespace postern::app
