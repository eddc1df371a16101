// POST /webhooks/{id}/test-mail: a mail from this machine to its own listener, which takes it as it
// takes any other.
#pragma once

#include "admin/ports.h"
#include "app/config.h"
#include "app/trace_watch.h"
#include "net/tls_client.h"
#include "policy/directory.h"

namespace postern::app {

struct TestMailOptions {
  std::string hostname;  ///< of the sender postmaster@ and of the Message-ID
  /// Beside the time-out of the webhook, which the reply may wait for.
  std::chrono::milliseconds limit = std::chrono::seconds(15);
  std::chrono::milliseconds longest = std::chrono::seconds(60);  ///< both together
};

class TestMailPort final : public admin::TestMail {
 public:
  /// Everything outlives it. `listeners` are asked for at each mail: those that listen now.
  TestMailPort(const policy::Directory& directory, TraceWatch& traces,
               std::function<std::vector<ListenerConfig>()> listeners, TestMailOptions options)
      : directory_(directory),
        traces_(traces),
        listeners_(std::move(listeners)),
        options_(std::move(options)) {}
  Task<Result<admin::TestMailResult>> send(admin::TestMailRequest request) override;

 private:
  const policy::Directory& directory_;
  TraceWatch& traces_;
  const std::function<std::vector<ListenerConfig>()> listeners_;
  const TestMailOptions options_;
};

/// The first listener that a client without certificate and PROXY protocol can talk to, in the
/// clear at first; null without.
const ListenerConfig* usable_listener(const std::vector<ListenerConfig>& listeners);
/// Where to dial for it: a wildcard address is reached over loopback.
IpAddress reachable(const IpAddress& listening);

}  // namespace postern::app
