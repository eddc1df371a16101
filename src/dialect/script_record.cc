#include "dialect/script_record.h"

#include <algorithm>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

namespace postern::dialect {

namespace json = boost::json;

std::string line_of(const std::vector<script::Told>& all) {
  if (all.empty()) return "\n";
  json::array line;
  for (const script::Told& told : all) {
    json::array one{told.function, told.answer};
    const bool thrown = !told.thrown.is_null();
    if (told.failed || told.times > 1) one.emplace_back(told.failed);
    if (told.times > 1 || thrown) one.emplace_back(told.times);
    if (thrown) one.push_back(told.thrown);
    line.push_back(std::move(one));
  }
  return json::serialize(line) + "\n";
}

std::vector<script::Told> told_of(std::string_view line) {
  std::vector<script::Told> told;
  if (line.empty()) return told;
  const json::value parsed = script::parse_kept(line);
  for (const json::value& one : parsed.as_array()) {
    const std::size_t parts = one.as_array().size();
    told.push_back({.function = std::string(one.at(0).as_string()),
                    .answer = std::string(one.at(1).as_string()),
                    .failed = parts > 2 && one.at(2).as_bool(),
                    .times = parts > 3 ? one.at(3).to_number<std::uint64_t>() : 1,
                    .thrown = parts > 4 ? one.at(4) : json::value()});
  }
  return told;
}

std::string take_line(std::string& lines) {
  const std::size_t end = std::min(lines.find('\n'), lines.size());
  std::string line = lines.substr(0, end);
  lines.erase(0, end + 1);
  return line;
}

json::array networks_json(std::span<const Cidr> networks) {
  json::array list;
  for (const Cidr& one : networks) list.emplace_back(one.to_string());
  return list;
}

CidrSet networks_of(const json::value& list) {
  std::vector<Cidr> networks;
  for (const json::value& one : list.as_array()) {
    if (const auto parsed = Cidr::parse(std::string_view(one.as_string()))) {
      networks.push_back(*parsed);
    }
  }
  return CidrSet(std::move(networks));
}

Task<Result<script::HttpAnswer>> NoWorld::http(script::HttpQuestion, script::Clock::time_point) {
  co_return fail(Fault::temporary, "not in the record");
}

Task<Result<void>> NoWorld::blocking(std::function<void()>) {
  co_return fail(Fault::temporary, "not in the record");
}

namespace {
NoWorld nobody;
}

Task<Result<script::HttpAnswer>> CallWorld::http(script::HttpQuestion question,
                                                 script::Clock::time_point deadline) {
  if (offline_) return nobody.http(std::move(question), deadline);
  return live_.http(std::move(question), deadline);
}

Task<Result<void>> CallWorld::blocking(std::function<void()> job) {
  if (offline_) return nobody.blocking(std::move(job));
  return live_.blocking(std::move(job));
}

void CallWorld::log(std::string_view level, std::string_view place, std::string_view text) {
  if (offline_) {
    inquiry_.script_wrote(level, place, text);
  } else {
    live_.log(level, place, text);
  }
}

void run_alone(Task<void> task) {
  boost::asio::io_context loop;
  boost::asio::co_spawn(loop, std::move(task), boost::asio::detached);
  loop.run();
}

}  // namespace postern::dialect
