// How the router runs endpoints: coroutines on the event loop, functions on the disk pool.
#include <gtest/gtest.h>

#include <thread>

#include "admin/core.h"
#include "admin/router.h"
#include "admin/test_api.h"

namespace postern::admin {
namespace {

/// Endpoints that note where they ran.
struct Endpoints {
  net::HttpResponse answer(const Call& call) const {
    ran_on = std::this_thread::get_id();
    given = &call;
    has_gone = call.request.gone != nullptr;
    return json_response(200, call.body);
  }
  net::HttpResponse refusing(const Call&) const { throw conflict("conflict", "said the endpoint"); }
  net::HttpResponse failing(const Call&) const {
    unwrap(Result<void>(fail(Fault::disk_full, "x.db cannot grow")));
    return no_content();
  }
  Task<net::HttpResponse> waiting(Call&) {
    ran_on = std::this_thread::get_id();
    co_return no_content();
  }

  mutable std::thread::id ran_on;
  mutable const Call* given = nullptr;
  mutable bool has_gone = false;
};

class RouterTest : public ::testing::Test {
 protected:
  RouterTest() {
    const auto add = [this](std::string_view path, auto member) {
      router_.add(endpoints_, "GET", path, Access::open, Body::none, member);
    };
    add("/answer", &Endpoints::answer);
    add("/refusing", &Endpoints::refusing);
    add("/failing", &Endpoints::failing);
    add("/waiting", &Endpoints::waiting);
    call_.body = {{"a", 1}};
    call_.request.gone = []() -> Task<void> { co_return; };
  }
  net::HttpResponse get(const std::string& name) {
    return api_.run(router_.find("GET", {name}).route->handler(call_));
  }
  int refusal(const std::string& name) {
    try {
      get(name);
    } catch (const Refusal& refused) {
      return refused.status;
    }
    return 0;
  }

  TestApi api_;
  Core core_{*api_.deps, api_.options, *TokenKeys::load(*api_.store, store::now()), Secret("k")};
  Router router_{core_};
  Endpoints endpoints_;
  Call call_;
};

TEST_F(RouterTest, a_function_runs_on_the_disk_pool_with_its_own_call) {
  EXPECT_EQ(get("answer").body, R"({"a":1})");
  EXPECT_NE(endpoints_.ran_on, std::this_thread::get_id());
  EXPECT_NE(endpoints_.given, &call_);
  EXPECT_FALSE(endpoints_.has_gone) << "it belongs to the connection's event loop";
}

TEST_F(RouterTest, a_coroutine_runs_on_the_event_loop) {
  EXPECT_EQ(get("waiting").status, 204);
  EXPECT_EQ(endpoints_.ran_on, std::this_thread::get_id());
}

TEST_F(RouterTest, what_a_function_throws_reaches_the_caller) {
  EXPECT_EQ(refusal("refusing"), 409);
  EXPECT_EQ(refusal("failing"), 507);
}

TEST_F(RouterTest, a_function_is_refused_when_the_pool_is_full) {
  api_.disk.stop();
  EXPECT_EQ(refusal("answer"), 503);
  EXPECT_EQ(endpoints_.given, nullptr);
  EXPECT_EQ(get("waiting").status, 204);
}

}  // namespace
}  // namespace postern::admin
