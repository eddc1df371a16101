#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/task.h"
#include "dns/dns.h"

namespace postern::dns {

/// Answers questions. Never throws and never fails: trouble is Answer::status. An implementation
/// may be called from any I/O thread and resumes the caller on its own executor.
class Resolver {
 public:
  virtual ~Resolver() = default;
  /// Waits `limit` at most; then Status::timeout.
  virtual Task<Answer> lookup(Question question, std::chrono::milliseconds limit) = 0;
  /// The same on behalf of a client (base/subscriber.h), "" for the gateway itself: where look-ups
  /// are few at a time, each client has a share of them.
  virtual Task<Answer> lookup_for(std::string /*client*/, Question question,
                                  std::chrono::milliseconds limit) {
    return lookup(std::move(question), limit);
  }
};

/// Asks another resolver on behalf of one client.
class ClientResolver final : public Resolver {
 public:
  /// `inner` outlives it.
  ClientResolver(Resolver& inner, std::string client) : inner_(inner), client_(std::move(client)) {}

  Task<Answer> lookup(Question question, std::chrono::milliseconds limit) override {
    return inner_.lookup_for(client_, std::move(question), limit);
  }

 private:
  Resolver& inner_;
  const std::string client_;
};

}  // namespace postern::dns
