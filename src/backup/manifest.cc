#include "backup/manifest.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/text.h"

namespace postern::backup {
namespace {

namespace json = boost::json;

constexpr std::int64_t format = 1;

tl::unexpected<Error> invalid(std::string_view what) {
  return fail(Fault::malformed, fmt::format("the manifest of the backup is invalid: {}", what));
}

/// Throws boost::system::system_error where the member is missing or of another type.
std::string text_of(const json::object& object, std::string_view name) {
  return std::string(object.at(name).as_string());
}

std::uint64_t count_of(const json::object& object, std::string_view name) {
  return object.at(name).to_number<std::uint64_t>();
}

bool is_sum(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string manifest_text(const Manifest& manifest) {
  json::object schemas;
  for (const auto& [name, version] : manifest.schemas) schemas[name] = version;
  json::array files;
  for (const FileEntry& file : manifest.files) {
    files.push_back({{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}});
  }
  return json::serialize(json::object{{"format", format},
                                      {"postern", manifest.postern},
                                      {"hostname", manifest.hostname},
                                      {"time", to_rfc3339(manifest.time)},
                                      {"schemas", std::move(schemas)},
                                      {"messages", manifest.messages},
                                      {"policies", manifest.policies},
                                      {"accounts", manifest.accounts},
                                      {"files", std::move(files)}}) +
         "\n";
}

Result<Manifest> parse_manifest(std::string_view text) {
  boost::system::error_code bad;
  const json::value value = json::parse(text, bad);
  const json::object* const found = bad ? nullptr : value.if_object();
  if (!found) return invalid("it is no JSON object");
  try {
    Manifest manifest;
    manifest.postern = text_of(*found, "postern");
    if (found->at("format").to_number<std::int64_t>() != format) {
      return fail(Fault::denied,
                  fmt::format("the backup is of Postern {}, in a format that this one "
                              "does not know; install that one",
                              printable(manifest.postern, 40)));
    }
    manifest.hostname = text_of(*found, "hostname");
    const auto time = from_rfc3339(text_of(*found, "time"));
    if (!time) return invalid("time");
    manifest.time = *time;
    for (const auto& [name, version] : found->at("schemas").as_object()) {
      manifest.schemas[name] = version.to_number<std::int64_t>();
    }
    manifest.messages = count_of(*found, "messages");
    manifest.policies = count_of(*found, "policies");
    manifest.accounts = count_of(*found, "accounts");
    for (const json::value& one : found->at("files").as_array()) {
      const json::object& file = one.as_object();
      FileEntry entry{.name = text_of(file, "name"),
                      .size = count_of(file, "size"),
                      .sha256 = text_of(file, "sha256")};
      if (!is_safe_name(entry.name) || !is_sum(entry.sha256)) return invalid("files");
      manifest.files.push_back(std::move(entry));
    }
    return manifest;
  } catch (const std::exception&) {  // out_of_range or system_error: a member is not as it must be
    return invalid("a member is missing or of another type");
  }
}

}  // namespace postern::backup
