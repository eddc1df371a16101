// The options `#{ ... }` of a service. Private to the files of services.
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

/// Reads options. Each reader throws a sentence that names the service and the option.
class ServiceOptions {
 public:
  /// `where`: "service `scan`". `options` must outlive this object; throws unless it is a map.
  ServiceOptions(std::string where, const Value& options);

  /// A string that is neither missing nor empty.
  std::string text(std::string_view name);
  /// A string; nullopt: missing.
  std::optional<std::string> optional_text(std::string_view name);
  /// One of the words; by default the first.
  std::string one_of(std::string_view name, const std::vector<std::string_view>& words);
  /// The option `timeout`: more than 0, at most an hour; by default 30 seconds.
  std::chrono::milliseconds timeout();
  /// A number in the range; `missing`: without the option.
  std::int64_t integer(std::string_view name, std::int64_t least, std::int64_t most,
                       std::int64_t missing);
  /// A list of strings; nullopt: missing.
  std::optional<std::vector<std::string>> texts(std::string_view name);
  /// A nested map.
  ServiceOptions map(std::string_view name);
  /// "host:port" with a numeric port; an IPv6 address is in brackets.
  std::string endpoint(std::string_view name);
  /// Throws if there are options that no reader has asked for.
  void done() const;
  /// Throws the sentence "service `scan`: `name` what".
  [[noreturn]] void wrong(std::string_view name, std::string_view what) const;

 private:
  const Value* find(std::string_view name);

  std::string where_;
  const Value::Map* map_;
  std::set<std::string, std::less<>> known_;
};

/// An argument as text: a string, a number, or the text of an object. Throws a sentence for other
/// types. `what`: "the key".
std::string argument_text(const Value& value, std::string_view what);
/// The real path of a file below the policy directory; during a replay, the path as written. Throws
/// a sentence if the file does not exist or may not be read.
std::string policy_file(script::Call& call, const std::string& path, std::string_view where);

// One function per kind.
/// `cmd`: runs a command. `call`: the load's.
ServicePtr make_cmd_service(script::Call& call, const std::string& name, ServiceOptions options);
/// `db:csv`: a table in a file. `call`: the load's.
ServicePtr make_csv_service(script::Call& call, const std::string& name, ServiceOptions options);
/// `db:sqlite`: a database in a file. `call`: the load's.
ServicePtr make_sqlite_service(script::Call& call, const std::string& name, ServiceOptions options);
/// `db:mysql`: a database of a server. `call`: the load's.
ServicePtr make_mysql_service(script::Call& call, const std::string& name, ServiceOptions options);

}  // namespace postern::dialect::vsl
