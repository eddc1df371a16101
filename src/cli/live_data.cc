#include "cli/live_data.h"

#include <chrono>
#include <limits>
#include <thread>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "admin/command_desk.h"
#include "net/local_http.h"
#include "serve/acting_owner.h"
#include "serve/cluster_member.h"
#include "serve/control_file.h"
#include "serve/data_lock.h"
#include "serve/live_questions.h"
#include "store/sqlite_store.h"

namespace postern::app {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

/// A gateway that starts or stops holds the lock and does not answer; another command does so, too.
constexpr std::chrono::seconds gateway_patience{10};
constexpr std::chrono::milliseconds gateway_pause{50};

/// Fault::temporary: accounts and policies are in the database of a cluster.
Result<void> keeps_accounts(const fs::path& directory) {
  std::error_code unreadable;
  if (!fs::exists(cluster_mark(directory.string()), unreadable)) return {};
  return fail(Fault::temporary,
              "accounts, policies and webhooks are in the database of the cluster: start the "
              "gateway, or ask where one runs");
}

/// Opens the databases that a question needs, under the lock.
class OwnDatabases final : public Databases {
 public:
  OwnDatabases(const fs::path& directory, LiveData::Make make)
      : directory_(directory), make_(make) {}

  Result<store::Store*> control() override {
    if (Result<void> here = keeps_accounts(directory_); !here) {
      return tl::unexpected(here.error());
    }
    return opened(control_, "postern.db", make_ == LiveData::Make::yes,
                  [](const std::string& path) { return store::SqliteStore::open(path); });
  }
  Result<store::DeliveryLog*> deliveries() override {
    return opened(deliveries_, "delivery.db", false,
                  [](const std::string& path) { return store::DeliveryLog::open(path); });
  }
  Result<spool::InboxReader*> inbox() override {
    return opened(inbox_, "delivery.db", false, [this](const std::string& path) {
      return spool::InboxReader::open(path, (directory_ / "inbox").string());
    });
  }
  Result<store::TraceReader*> traces() override {
    return opened(traces_, "traces.db", false,
                  [](const std::string& path) { return store::TraceReader::open(path); });
  }
  Result<std::optional<store::VerifiedRow>> verified(const std::string& address) override {
    const auto store = opened(verified_, "verify.db", false, [](const std::string& path) {
      return store::VerifiedStore::open(path, std::numeric_limits<std::size_t>::max());
    });
    if (store) return (*store)->find(address);
    if (store.error().fault == Fault::not_found) return std::nullopt;  // nothing was verified yet
    return tl::unexpected(store.error());
  }
  std::string pages() const override { return {}; }

 private:
  template <class Pointer, class Open>
  auto opened(Pointer& slot, std::string_view name, bool may_make, Open open)
      -> Result<typename Pointer::element_type*> {
    if (slot) return slot.get();
    // Opening would create the file; a wrong directory must be reported.
    std::error_code unreadable;
    if (!may_make && !fs::exists(directory_ / name, unreadable)) {
      return fail(Fault::not_found, fmt::format("there is no {} in {}", name, directory_.string()));
    }
    auto made = open((directory_ / name).string());
    if (!made) return tl::unexpected(made.error());
    slot = std::move(*made);
    return slot.get();
  }

  const fs::path directory_;
  const LiveData::Make make_;
  std::unique_ptr<store::SqliteStore> control_;
  std::unique_ptr<store::DeliveryLog> deliveries_;
  std::unique_ptr<spool::InboxReader> inbox_;
  std::unique_ptr<store::TraceReader> traces_;
  std::unique_ptr<store::VerifiedStore> verified_;
};

/// nullopt: the answer is not from the gateway of this control file.
std::optional<Result<json::object>> read_answer(const net::LocalHttpAnswer& answer) {
  boost::system::error_code bad;
  json::value value = json::parse(answer.body, bad);
  json::object* const object = bad ? nullptr : value.if_object();
  if (answer.status == 200 && object) return Result<json::object>(std::move(*object));
  if (answer.status == 401) return std::nullopt;  // it was restarted
  if (answer.status == 404) {
    return fail(Fault::temporary, "the running gateway is an older one; restart it");
  }
  const json::value* const word = object ? object->if_contains("code") : nullptr;
  const json::value* const sentence = object ? object->if_contains("error") : nullptr;
  const auto fault = word && word->is_string()
                         ? admin::fault_named(std::string_view(word->get_string()))
                         : std::nullopt;
  return fail(fault.value_or(Fault::temporary),
              sentence && sentence->is_string()
                  ? std::string(sentence->get_string())
                  : fmt::format("the gateway answered {}", answer.status));
}

}  // namespace

std::optional<Result<json::object>> LiveData::ask_gateway(std::string_view question,
                                                          const json::object& given) const {
  // What a crashed gateway left may name a port that another program has now.
  if (!DataLock::is_held(data_dir_.string())) return std::nullopt;
  const auto control = read_control(control_path(data_dir_.string()));
  if (!control) return tl::unexpected(control.error());
  if (!*control) return std::nullopt;
  const auto answer = net::local_http(
      {.method = "POST",
       .url = (*control)->url + std::string(admin::command_path) + std::string(question),
       .bearer = (*control)->token,
       .body = json::serialize(given)});
  if (answer) return read_answer(*answer);
  if (answer.error().fault == Fault::not_found) return std::nullopt;  // ended, or not started
  // Not asked again, as that could create a second link or audit log entry.
  return fail(Fault::temporary,
              fmt::format("the gateway was asked and gave no answer ({}); whether it did what was "
                          "asked is not known",
                          answer.error().message));
}

Result<json::object> LiveData::ask(std::string_view question, const json::object& given) {
  const std::lock_guard one_at_a_time(mutex_);
  if (make_ == Make::yes) {
    if (const Result<void> made = make_data_directory(data_dir_.string()); !made) {
      return tl::unexpected(made.error());
    }
  }
  const auto owner = ActingOwner::of(data_dir_.string());
  if (!owner) return tl::unexpected(owner.error());
  const auto until = std::chrono::steady_clock::now() + gateway_patience;
  for (;;) {
    const auto lock = DataLock::take(data_dir_.string());
    const bool nowhere = !lock && lock.error().fault == Fault::not_found;
    if (lock || nowhere) {
      OwnDatabases own(data_dir_, make_);
      return answer_question(question, own, given);
    }
    if (auto answer = ask_gateway(question, given)) return std::move(*answer);
    if (lock.error().fault != Fault::conflict) return tl::unexpected(lock.error());
    if (std::chrono::steady_clock::now() >= until) {
      return fail(Fault::temporary,
                  fmt::format("{} is in use, but no gateway answers: a gateway is starting or "
                              "stopping, or another command uses it; try again",
                              data_dir_.string()));
    }
    std::this_thread::sleep_for(gateway_pause);
  }
}

Result<LiveData::Control> LiveData::borrow_control() const {
  const std::string path = (data_dir_ / "postern.db").string();
  Control control;
  auto owner = ActingOwner::of(data_dir_.string());
  if (!owner) return tl::unexpected(owner.error());
  control.owner = std::move(*owner);
  auto lock = DataLock::take(data_dir_.string());
  if (!lock && lock.error().fault != Fault::conflict) return tl::unexpected(lock.error());
  if (lock) control.lock = std::move(*lock);
  if (Result<void> here = keeps_accounts(data_dir_); !here) return tl::unexpected(here.error());
  auto store = store::SqliteStore::open(path, control.lock ? store::Use::own : store::Use::beside);
  if (!store) return tl::unexpected(store.error());
  control.store = std::move(*store);
  return control;
}

}  // namespace postern::app
