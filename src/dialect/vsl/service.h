// Services that scripts use outside of this gateway: a command, a table, a database, or a program
// that gets messages.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/task.h"
#include "dialect/vsl/value.h"
#include "script/call.h"

namespace postern::dialect::vsl {

/// A method of services, as in `N.run()`.
struct ServiceMethod {
  /// What it does with what the service holds.
  enum class Does : std::uint8_t { run, read, write, query };
  std::string_view kind;  ///< of the service: "cmd", "db:csv"
  std::string_view name;  ///< of the method
  std::size_t least;      ///< arguments, at least
  std::size_t most;       ///< arguments, at most
  Does does;              ///< with what the service holds
};
/// A method with so many arguments; otherwise why there is none, as one sentence.
tl::expected<const ServiceMethod*, std::string> service_method(std::string_view kind,
                                                               std::string_view name,
                                                               std::size_t arguments);
/// Why a table with the option `access` does not do it; empty: it does. Thread-safe.
std::string refused_access(std::string_view access, ServiceMethod::Does does);
/// The path of a command of `allowed`: names and paths. Otherwise why it is not run, as one
/// sentence. Looks at the disk.
tl::expected<std::string, std::string> allowed_program(const std::string& command,
                                                       const std::vector<std::string>& allowed);
/// Whether a file can be run as a program.
bool is_program(const std::string& path);

/// A declared service. Made while the policy loads, used by directives on any thread.
class Service {
 public:
  explicit Service(std::string name) : name_(std::move(name)) {}  ///< `name`: in scripts
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  /// The name in scripts.
  const std::string& name() const { return name_; }
  virtual std::string_view kind() const = 0;  ///< "cmd", "db:csv"
  /// Calls a method, as in `N.run()`. Throws a sentence. The caller must keep the service until the
  /// task is done.
  Task<Value> call(script::Call& call, std::string method, std::vector<Value> arguments);

 private:
  /// Calls a method of this kind with as many arguments as it takes. By default there are none.
  virtual Task<Value> run(script::Call& call, const ServiceMethod& method,
                          std::vector<Value> arguments);

  const std::string name_;
};
/// How scripts share a service.
using ServicePtr = std::shared_ptr<Service>;

/// A program that inspects messages: `service N smtp`.
class SmtpService final : public Service {
 public:
  /// The checked options.
  struct Options {
    std::string address;                ///< next hop: "192.0.2.1:10026", "scanner.example:10026"
    std::chrono::milliseconds timeout;  ///< of the delivery
    std::string receiver;               ///< where the messages come back, as `address`
  };
  /// Takes checked options.
  SmtpService(std::string name, Options options)
      : Service(std::move(name)), options_(std::move(options)) {}
  std::string_view kind() const override { return "smtp"; }
  const Options& options() const { return options_; }  ///< of the constructor

 private:
  const Options options_;
};

/// Makes a service from `service NAME KIND:CONTENT = OPTIONS`. Throws a sentence for an unknown
/// kind, or a missing, wrong or unknown option. `call`: the load's.
ServicePtr make_service(script::Call& call, const std::string& name, const std::string& kind,
                        const std::string& content, const Value& options);

}  // namespace postern::dialect::vsl

/// Registers `service` as a class of scripts.
template <>
struct postern::script::ClassName<postern::dialect::vsl::Service> {
  static constexpr std::string_view value = "service";  ///< its name there
};
