#pragma once

#include <chrono>

namespace postern::net {

/// Learns when a stream waits for its peer, and can end that. Everything happens on the thread of
/// the stream.
class PeerWaits {
 public:
  virtual ~PeerWaits() = default;
  virtual void begin() = 0;
  /// The wait that began is over. False: the stream is to be cancelled.
  virtual bool end() = 0;
  /// The thread has been at work for so long since the last call. False: as end().
  virtual bool pass(std::chrono::microseconds time) = 0;
};

}  // namespace postern::net
