#include <set>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include "explain/report.h"
#include "policy/record.h"

namespace postern::app {

namespace {

namespace json = boost::json;

Result<replay::Rederived> made_again(const policy::Trace& trace, const Secret* password) {
  Result<replay::Rederived> result = fail(Fault::bug, "it was not made");
  boost::asio::io_context loop;
  boost::asio::co_spawn(loop, replay::rederive(trace, password),
                        [&](std::exception_ptr error, Result<replay::Rederived> again) {
                          if (!error) result = std::move(again);
                        });
  loop.run();
  return result;
}

}  // namespace

// As restrictions::definition_of() writes it.
std::map<std::string, std::string, std::less<>> places_of(const policy::Trace& trace) {
  std::map<std::string, std::string, std::less<>> places;
  std::set<std::string_view> seen;
  for (const policy::Decision& decision : trace.decisions) {
    if (!decision.engine || !seen.insert(*decision.engine).second) continue;
    boost::system::error_code error;
    const json::value layers = json::parse(*decision.engine, error);
    if (error || !layers.is_array()) continue;
    for (const json::value& layer : layers.get_array()) {
      boost::system::error_code missing;
      const json::value* list = layer.find_pointer("/definition/places", missing);
      if (list == nullptr || !list->is_object()) continue;
      for (const auto& [origin, place] : list->get_object()) {
        if (place.is_string()) places.emplace(origin, place.get_string());
      }
    }
  }
  return places;
}

Result<Explanation> explanation_of(const std::string& record, DefinitionText definitions,
                                   const Secret* password) {
  const auto source = replay::definition_source(std::move(definitions));
  Result<policy::Trace> trace = policy::read_record(record, source);
  if (!trace) return tl::unexpected(trace.error());
  Result<replay::Rederived> again = made_again(*trace, password);
  auto places = places_of(*trace);
  return Explanation{.trace = std::move(*trace),
                     .live = false,
                     .password_given = password != nullptr,
                     .again = std::move(again),
                     .places = std::move(places)};
}

Explanation explanation_of(policy::Trace trace) {
  auto places = places_of(trace);
  return Explanation{.trace = std::move(trace),
                     .live = true,
                     .again = fail(Fault::bug, "it was not made"),
                     .places = std::move(places)};
}

}  // namespace postern::app
