// POST /webhooks/{id}/test-mail: sends a mail from this machine to its own listener, which handles
// it like any other.
#pragma once

#include "admin/ports.h"
#include "config/config.h"
#include "net/tls_client.h"
#include "policy/directory.h"
#include "serve/trace_watch.h"

namespace postern::app {

/// Options of test mails.
struct TestMailOptions {
  std::string hostname;  ///< domain of the sender postmaster@ and of the Message-ID
  /// Added to the webhook's time-out, as the reply may wait for the webhook.
  std::chrono::milliseconds limit = std::chrono::seconds(15);
  std::chrono::milliseconds longest = std::chrono::seconds(60);  ///< upper bound of the sum
};

/// Thread-safe.
class TestMailPort final : public admin::TestMail {
 public:
  /// All arguments outlive it. `listeners` returns the current listeners.
  TestMailPort(const policy::Directory& directory, TraceWatch& traces,
               std::function<std::vector<ListenerConfig>()> listeners, TestMailOptions options)
      : directory_(directory),
        traces_(traces),
        listeners_(std::move(listeners)),
        options_(std::move(options)) {}
  /// Sends one mail and waits for its trace. Fault::not_found: unknown webhook.
  Task<Result<admin::TestMailResult>> send(admin::TestMailRequest request) override;

 private:
  const policy::Directory& directory_;
  TraceWatch& traces_;
  const std::function<std::vector<ListenerConfig>()> listeners_;
  const TestMailOptions options_;
};

/// The first listener that accepts a plaintext connection without a client certificate or PROXY
/// header; null: none.
const ListenerConfig* usable_listener(const std::vector<ListenerConfig>& listeners);
/// The address to connect to; for a wildcard address the loopback address.
IpAddress reachable(const IpAddress& listening);

}  // namespace postern::app
