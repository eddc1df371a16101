#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/task.h"
#include "dns/dns.h"

namespace postern::dns {

/// Answers DNS queries. Never throws: failures are values of Answer::status. May be called from any
/// I/O thread; resumes the caller on its own executor.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Waits at most `limit`; then Status::timeout.
  virtual Task<Answer> lookup(Question question, std::chrono::milliseconds limit) = 0;
  /// As lookup(), on behalf of a client (a key of base/subscriber.h; "": the gateway itself). An
  /// implementation that limits concurrent queries gives each client a share.
  virtual Task<Answer> lookup_for(std::string /*client*/, Question question,
                                  std::chrono::milliseconds limit) {
    return lookup(std::move(question), limit);
  }
};

/// Sends all queries to another resolver on behalf of one client.
class ClientResolver final : public Resolver {
 public:
  /// `inner` outlives this object; `client` is a key of base/subscriber.h.
  ClientResolver(Resolver& inner, std::string client) : inner_(inner), client_(std::move(client)) {}

  Task<Answer> lookup(Question question, std::chrono::milliseconds limit) override {
    return inner_.lookup_for(client_, std::move(question), limit);
  }

 private:
  Resolver& inner_;
  const std::string client_;
};

}  // namespace postern::dns
