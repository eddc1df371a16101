// Services: what scripts ask beside this gateway, a command, a table, a database, and whom they
// hand a message to.
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

/// Made while the policy loads; used by directives.
class Service {
 public:
  explicit Service(std::string name) : name_(std::move(name)) {}
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;
  virtual ~Service() = default;

  /// As scripts call it.
  const std::string& name() const { return name_; }
  virtual std::string_view kind() const = 0;  ///< "cmd", "db:csv"
  /// A method of the script's: `N.run()`. Throws a sentence; the default knows no method. The
  /// caller holds the service until it is done.
  virtual Task<Value> call(script::Call& call, std::string method, std::vector<Value> arguments);

 protected:
  [[noreturn]] void no_method(std::string_view method) const;

 private:
  const std::string name_;
};
using ServicePtr = std::shared_ptr<Service>;

/// Another program that looks at messages: `service N smtp`.
class SmtpService final : public Service {
 public:
  struct Options {
    std::string address;                ///< "192.0.2.1:10026", "scanner.example:10026"
    std::chrono::milliseconds timeout;  ///< of the delegator
    std::string receiver;               ///< where the messages come back, as `address`
  };
  SmtpService(std::string name, Options options)
      : Service(std::move(name)), options_(std::move(options)) {}
  std::string_view kind() const override { return "smtp"; }
  const Options& options() const { return options_; }

 private:
  const Options options_;
};

/// `service NAME KIND:CONTENT = OPTIONS`. Throws a sentence for an unknown kind, a missing, wrong
/// or unknown option. `call`: of the load.
ServicePtr make_service(script::Call& call, const std::string& name, const std::string& kind,
                        const std::string& content, const Value& options);

}  // namespace postern::dialect::vsl

template <>
struct postern::script::ClassName<postern::dialect::vsl::Service> {
  static constexpr std::string_view value = "service";
};
