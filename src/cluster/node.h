// This process as a member of the cluster: its heartbeat, and the parts of the spool that it owns.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/error.h"
#include "cluster/database.h"
#include "cluster/lease.h"
#include "cluster/promised.h"

namespace postern::cluster {

/// Parts of the spool.
inline constexpr int part_count = 64;

/// Settings of a node.
struct NodeOptions {
  std::string name;                                       ///< unique in the cluster
  std::string version;                                    ///< of the program
  std::string schemas = {};                               ///< that the program knows: words_of()
  std::chrono::milliseconds heartbeat = heartbeat_every;  ///< between two heartbeats
  std::chrono::milliseconds after_trouble{2000};          ///< the same after a failed one
  /// The file of Promised; empty: none.
  std::string promised_file;
  /// The file whose lock shows that the process which wrote `promised_file` before, in the same
  /// place, has ended. Empty: none; a name that it has is waited for.
  std::string lock_file = {};
  /// From the request of this process's end (drain()) to `ends`: balancers see it not ready.
  std::chrono::milliseconds notice{5000};
  /// Called on any thread for parts that this node has taken of nobody ("free"), or of the dead
  /// node `owner` ("dead"), that others have now ("lost"), and that it has given up ("given").
  /// Null: nothing.
  std::function<void(std::string_view how, const std::string& owner, std::size_t count)> moved =
      nullptr;
  /// Called once, on the node's thread, when another process has taken the name (`is_replaced`), or
  /// when somebody asks for this process's end. Null: nothing.
  std::function<void(bool is_replaced)> ends = nullptr;
  /// Called on the node's thread after each heartbeat: with the error of one that PostgreSQL did
  /// not acknowledge (Fault::unreachable), and with null after one that it did. Null: nothing.
  std::function<void(const Error* away)> beaten = nullptr;
  /// Called on any thread when the database is found to have less than it promised, with what is
  /// missing, and with an empty text when it is trusted again. Null: nothing.
  std::function<void(const std::string& missing)> rolled_back = nullptr;
};

/// How long somebody waits for the database, or for a name.
struct Patience {
  std::chrono::milliseconds limit{0};  ///< at most, in all
  /// Called once by who has to wait, with the reason. Null: nothing.
  std::function<void(const std::string& why)> waits = nullptr;
  /// Sleeps so long between two tries. False: it was asked to end, and there are no more. Null: it
  /// only sleeps.
  std::function<bool(std::chrono::milliseconds)> sleeps = nullptr;

  /// That, once.
  bool rest() const;
};

/// Why a node takes no mail, for people and machines.
struct NodeTrouble {
  std::string word;      ///< one word
  std::string sentence;  ///< the same for people
};

/// A part that this node owns.
struct Part {
  int number = 0;          ///< below part_count
  std::int64_t epoch = 0;  ///< of its ownership, which rises with each owner
  std::int64_t first = 0;  ///< messages with a lower number were there before
  auto operator<=>(const Part&) const = default;
};

/// Numbers for messages of one part.
struct Numbers {
  Part part;               ///< the part
  std::int64_t first = 0;  ///< the first of them
};

/// Thread-safe. It has a thread of its own.
class Node {
 public:
  /// Registers the process and takes the parts that are free. Blocks. `database` is borrowed; from
  /// here on its sessions are asked first whether it has all that it promised to this node.
  /// Fault::unreachable: PostgreSQL cannot be reached. Fault::conflict: another process that lives
  /// has this name. Fault::denied: as Database::connect(), or the database is an older copy.
  /// Fault::malformed, Fault::permanent: the file of Promised.
  static Result<std::unique_ptr<Node>> join(Database& database, NodeOptions options);
  /// As join(), but waits while the database is away, or another process has the name: one that
  /// died on another machine, or before it could note itself, is dead after half a minute.
  /// Fault::temporary: it still has the name.
  static Result<std::unique_ptr<Node>> join_in_turn(Database& database, const NodeOptions& options,
                                                    const Patience& patience);
  /// As leave().
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  /// Gives the parts back and ends the claims of this process. May be called again.
  void leave();

  /// Identifies this run of the process: 16 octets.
  const std::string& boot() const { return boot_; }
  /// The parts that this node owns, by number.
  std::vector<Part> parts() const;
  /// `count` numbers that nobody else uses, in the part whose turn it is. Nullopt: it owns none.
  std::optional<Numbers> numbers(std::int64_t count);
  /// Calls `gained` when this node has taken parts, on its thread. Null: no more. No call is
  /// running when it returns.
  void on_gain(std::function<void()> gained);
  /// Somebody else owns a part by now: it is not used any more.
  void lost(const Part& part);
  /// What was put into a part is not known: a commit may still end. It is used no more until this
  /// node has taken it anew, which waits for that commit, and lets no later one of this owner in.
  void doubt(const Part& part);
  /// A put into this part was committed as the one with this number.
  void stored(const Part& part, std::int64_t puts);
  /// How long ago the last heartbeat that was acknowledged was sent.
  std::chrono::milliseconds silence() const;
  /// What to add to a time of this machine to have it on the primary's clock. 0 when the clocks
  /// differ by less than 100 ms.
  std::chrono::milliseconds offset() const;
  /// Whether another process has taken this node's name.
  bool is_replaced() const;
  /// Whether somebody asked for the end of this process.
  bool is_draining() const;
  /// Whether a delivery may take the step that cannot be taken back. No when the last good
  /// heartbeat is so old that another node may soon deliver the same. Fault::unreachable.
  Result<void> may_deliver() const;
  /// What keeps this node from taking mail, and `patience`: how long PostgreSQL may be silent
  /// first; not less than two heartbeats.
  std::optional<NodeTrouble> trouble(std::chrono::milliseconds patience) const;
  /// Whether this node does what one does for all: of those that live it has run the longest. Two
  /// may say so for a heartbeat, or none.
  bool leads() const;
  /// What this node has seen since it joined.
  struct Counts {
    std::uint64_t free = 0;     ///< parts taken that nobody owned
    std::uint64_t dead = 0;     ///< parts taken of nodes that had died
    std::uint64_t lost = 0;     ///< parts that others have
    std::int64_t nodes = 1;     ///< that live, by the last heartbeat
    std::int64_t draining = 0;  ///< of these, asked to stop
    std::int64_t gone = 0;      ///< that died within a week and did not come back, by the same
  };
  Counts counts() const;
  /// Why the database is not trusted any more: it has less than it promised. Empty: it has all.
  std::string rolled_back() const;

 private:
  struct Owned {
    Part part;
    std::int64_t next = 0;
    std::int64_t limit = 0;  ///< the first number that is not reserved
    std::int64_t puts = 0;   ///< the highest that was committed
    bool in_doubt = false;   ///< it is not used until it is taken anew
  };
  Node(Database& database, NodeOptions options);
  void run();
  Result<void> join();
  Result<void> beat();
  Result<void> remember();
  Result<void> witness(net::PgsqlSession& session);
  Result<void> share_out();
  void tell(std::string_view how, const std::string& owner, std::size_t count) const;
  std::vector<std::int64_t> keep_only(const std::vector<std::int64_t>& parts);
  Result<void> take(std::vector<std::int64_t> parts);
  Result<void> give(std::vector<std::int64_t> parts);
  Result<void> reserve();
  Result<std::vector<net::PgsqlRows>> commit(std::vector<net::PgsqlStatement> statements);
  Result<void> have_session();

  Database& database_;
  const NodeOptions options_;
  std::string boot_;
  std::unique_ptr<net::PgsqlSession> session_;
  std::mutex gained_mutex_;  ///< guards `gained_`; held during its calls
  std::function<void()> gained_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::map<int, Owned> owned_;
  int turn_ = 0;
  std::chrono::nanoseconds heard_{0};  ///< CLOCK_BOOTTIME of the last good heartbeat
  std::chrono::milliseconds offset_{0};
  Promised promised_;
  std::string before_;  ///< the boot of a process of this node that has ended; empty: unknown
  std::string rolled_back_;
  Counts counts_;
  bool is_replaced_ = false;
  bool is_draining_ = false;
  bool leads_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace postern::cluster
