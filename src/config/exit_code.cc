#include "config/exit_code.h"

#include <fmt/format.h>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "config/handbook.h"

namespace postern::app {

ExitCode exit_code_of(Fault fault) {
  switch (fault) {
    case Fault::malformed:
    case Fault::denied:
    case Fault::limit:
      return ExitCode::bad_data;
    case Fault::temporary:
    case Fault::conflict:
    case Fault::unreachable:
      return ExitCode::try_again;
    case Fault::not_found:
      return ExitCode::no_input;
    case Fault::permanent:
    case Fault::damaged:
    case Fault::disk_full:
      return ExitCode::io;
    case Fault::bug:
      return ExitCode::bug;
  }
  return ExitCode::bug;
}

std::string error_text(std::string_view message, std::string_view what_to_do, bool json) {
  const std::string hint = with_pages(what_to_do);
  if (json) {
    return boost::json::serialize(boost::json::object{{"error", message}, {"hint", hint}}) + '\n';
  }
  const std::string what = fmt::format("error: {}\n", message);
  return hint.empty() ? what : what + fmt::format("  = what to do: {}\n", hint);
}

}  // namespace postern::app
