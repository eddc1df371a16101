// Who may have how many DNS look-ups under way at a time. Books alone, without clock; the resolver
// has the lock.
//
// A client may have as many under way as there are places left: one alone gets half of them, two a
// third each. Places that others hold with look-ups that never end come free when the resolver
// gives those up; where about log2(places) clients do that at a time, a newcomer waits so long.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace postern::net {

class LookupShares {
 public:
  explicit LookupShares(std::size_t places) : places_(places) {}

  /// One look-up that asks for a place, inside of whatever waits with it. It has left() before it
  /// goes.
  class Waiting {
   public:
    explicit Waiting(std::string client) : client_(std::move(client)) {}
    const std::string& client() const { return client_; }
    bool has_place() const { return state_ == State::has_place; }

   private:
    friend class LookupShares;
    enum class State { outside, in_line, has_place };
    const std::string client_;
    State state_ = State::outside;
    std::list<Waiting*>::iterator position_;
  };

  /// True: it has a place. False: it stands in line until release() or left() gives it one.
  bool take(Waiting& one);
  /// A look-up of this client has ended. Returns who has its place now; null: nobody.
  Waiting* release(const std::string& client);
  /// It leaves the line, or gives back the place; returns as release() does.
  Waiting* left(Waiting& one);
  /// The place stays taken, until release(), though it goes.
  void begun(Waiting& one) { one.state_ = Waiting::State::outside; }

  std::size_t under_way() const { return under_way_; }

 private:
  struct Client {
    std::size_t under_way = 0;
    std::list<Waiting*> line;
  };
  using Clients = std::map<std::string, Client>;

  std::size_t free() const { return places_ - under_way_; }
  /// Changes what the client has under way, also in the order of the line.
  void count(Clients::iterator client, std::size_t under_way);
  void leave_line(Clients::iterator client, Waiting& one);
  void forget_idle(Clients::iterator client);

  const std::size_t places_;
  std::size_t under_way_ = 0;
  Clients clients_;
  /// Clients with somebody in line, fewest look-ups under way first.
  std::set<std::pair<std::size_t, std::string>> line_;
};

}  // namespace postern::net
