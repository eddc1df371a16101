// Services that scripts use outside of this gateway: a command, a table, a database, or a program
// that gets messages.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "dialect/vsl/value.h"
#include "script/call.h"

namespace postern::dialect::vsl {

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
  /// Calls a method, as in `N.run()`. Throws a sentence; by default there are no methods. The
  /// caller must keep the service until the task is done.
  virtual Task<Value> call(script::Call& call, std::string method, std::vector<Value> arguments);

 protected:
  [[noreturn]] void no_method(std::string_view method) const;

 private:
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
