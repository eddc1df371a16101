#include "explain/dns_file.h"

#include <fmt/format.h>

#include "base/text.h"
#include "config/input_file.h"
#include "dns/recorded_resolver.h"
#include "explain/zone_file.h"

namespace postern::app {

Result<std::unique_ptr<dns::Resolver>> dns_from_file(const std::string& name, std::istream& in) {
  const Result<std::string> text = read_input(name, in);
  if (!text) return tl::unexpected(text.error());
  const std::string_view begin = trim(*text);
  const bool is_json = begin.starts_with('{') || begin.starts_with('[');
  const Result<std::string> data = is_json ? *text : zone_to_json(*text);
  if (!data) return fail(Fault::malformed, fmt::format("{}: {}", name, data.error().message));
  auto parsed = dns::RecordedResolver::parse(*data);
  if (!parsed) return fail(parsed.error().fault, name + ": " + parsed.error().message);
  return std::move(*parsed);
}

}  // namespace postern::app
