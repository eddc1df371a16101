#include "dialect/dkim_work.h"

#include <chrono>

namespace postern::dialect {

namespace {

namespace dkim = mailauth::dkim;

/// A copy of all: the work may outlive the connection, and with it the message.
struct Work {
  std::shared_ptr<const dkim::SigningKey> key;
  dkim::SignOptions options;
  std::string message;
  Result<std::string> field = fail(Fault::bug, "nothing was signed");

  void run() { field = dkim::sign_message({{key.get(), options.selector}}, options, message); }
};

}  // namespace

Task<Result<std::string>> signed_field(script::World& world,
                                       std::shared_ptr<const dkim::SigningKey> key,
                                       dkim::SignOptions options, std::string message) {
  const auto work = std::make_shared<Work>();
  work->key = std::move(key);
  work->options = std::move(options);
  work->message = std::move(message);
  if (!work->options.signed_at) {
    work->options.signed_at =
        std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  }
  const Result<void> done = co_await world.blocking([work] { work->run(); });
  if (!done) co_return tl::unexpected(done.error());
  co_return std::move(work->field);
}

}  // namespace postern::dialect
