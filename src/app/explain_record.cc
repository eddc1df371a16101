#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "app/explain_report.h"
#include "policy/record.h"

namespace postern::app {

namespace {

Result<dialect::Rederived> made_again(const policy::Trace& trace, const Secret* password) {
  Result<dialect::Rederived> result = fail(Fault::bug, "it was not made");
  boost::asio::io_context loop;
  boost::asio::co_spawn(loop, dialect::rederive(trace, password),
                        [&](std::exception_ptr error, Result<dialect::Rederived> again) {
                          if (!error) result = std::move(again);
                        });
  loop.run();
  return result;
}

}  // namespace

Result<Explanation> explanation_of(const std::string& record, DefinitionText definitions,
                                   const Secret* password) {
  const auto source = dialect::definition_source(std::move(definitions));
  Result<policy::Trace> trace = policy::read_record(record, source);
  if (!trace) return tl::unexpected(trace.error());
  Result<dialect::Rederived> again = made_again(*trace, password);
  return Explanation{.trace = std::move(*trace),
                     .live = false,
                     .password_given = password != nullptr,
                     .again = std::move(again)};
}

}  // namespace postern::app
