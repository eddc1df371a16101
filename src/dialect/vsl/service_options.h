// The `#{ ... }` of a service. Only for the files of services.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dialect/vsl/service.h"

namespace postern::dialect::vsl {

/// Every question throws a sentence that names the service and the option.
class ServiceOptions {
 public:
  /// `where`: "service `scan`". Borrows the map.
  ServiceOptions(std::string where, const Value& options);

  std::string text(std::string_view name);
  std::optional<std::string> optional_text(std::string_view name);
  /// One of the words; the first when the option is left out.
  std::string one_of(std::string_view name, const std::vector<std::string_view>& words);
  /// More than nothing, an hour at most; 30 seconds when it is left out.
  std::chrono::milliseconds timeout();
  std::optional<std::vector<std::string>> texts(std::string_view name);
  ServiceOptions map(std::string_view name);
  /// "host:port", with the port in figures and IPv6 addresses in brackets.
  std::string endpoint(std::string_view name);
  /// Refuses options that nobody asked for.
  void done() const;
  [[noreturn]] void wrong(std::string_view name, std::string_view what) const;

 private:
  const Value* find(std::string_view name);

  std::string where_;
  const Value::Map* map_;
  std::set<std::string, std::less<>> known_;
};

/// Text, numbers and objects, whose text it is; throws for anything else. `what`: "the key".
std::string argument_text(const Value& value, std::string_view what);
/// Throws unless there are so many.
void demand_arguments(const std::vector<Value>& arguments, std::string_view method,
                      std::size_t least, std::size_t most);
/// The real path of a file below the policy's directory. Throws where there is none, or where it
/// may not be read. Of a call that runs again from its record the path as it is written.
std::string policy_file(script::Call& call, const std::string& path, std::string_view where);

// One a kind.
ServicePtr make_cmd_service(const std::string& name, ServiceOptions options);
ServicePtr make_csv_service(script::Call& call, const std::string& name, ServiceOptions options);
ServicePtr make_sqlite_service(script::Call& call, const std::string& name, ServiceOptions options);

}  // namespace postern::dialect::vsl
