#include "config/route_tables.h"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/temporary_folder_test.h"

namespace postern::app {
namespace {

class RouteTablesTest : public testing::Test {
 protected:
  /// "TYPE:PATH" with these rows.
  std::string table(const std::string& name, const std::string& rows,
                    const std::string& type = "hash") {
    return type + ":" + folder_.write(name, rows);
  }
  /// The hops, "-" without a row, "! TROUBLE" for a failure.
  std::string find(const std::vector<std::string>& tables, const std::string& local_part,
                   const std::string& domain) {
    Config config;
    config.routes.push_back({.match = {"*"}, .tables = tables});
    std::string troubles;
    OpenedRouteTables opened = open_route_tables(
        config, [&](std::size_t, const std::string& why) { troubles += "? " + why; });
    const auto policy = std::make_shared<dialect::restrictions::ListPolicy>();
    policy->recipient_delimiter = "+-";
    opened.policy = policy;
    if (!troubles.empty()) return troubles;
    RouteTables routes(std::move(opened), pool_);
    boost::asio::io_context loop;
    std::string said;
    boost::asio::co_spawn(loop, ask(&routes, tables, local_part, domain, &said),
                          [](const std::exception_ptr& failed) {
                            if (failed) std::rethrow_exception(failed);
                          });
    loop.run();
    return said;
  }
  static Task<void> ask(RouteTables* routes, std::vector<std::string> tables, std::string local,
                        std::string domain, std::string* said) {
    const auto found = co_await routes->find(std::move(tables), local, domain);
    if (!found) {
      *said = "! " + found.error().message;
    } else if (!*found) {
      *said = "-";
    } else {
      for (const std::string& hop : **found) *said += (said->empty() ? "" : ", ") + hop;
    }
  }

  tests::TemporaryFolder folder_;
  net::WorkPool pool_{1, 8};
};

TEST_F(RouteTablesTest, keys_are_those_of_transport_maps) {
  const std::string rows =
      table("rows",
            "ann@example.org smtp:[a.example]\nexample.org smtp:[b.example]\n"
            ".example.org smtp:[c.example]\nhere.example :\n* smtp:[d.example]\n");
  EXPECT_EQ(find({rows}, "ann", "example.org"), "a.example");
  EXPECT_EQ(find({rows}, "ANN", "Example.org"), "a.example");
  EXPECT_EQ(find({rows}, "ann+list", "example.org"), "a.example");
  EXPECT_EQ(find({rows}, "ann-request", "example.org"), "b.example") << "an address of its own";
  EXPECT_EQ(find({rows}, "bob", "example.org"), "b.example");
  EXPECT_EQ(find({rows}, "bob", "x.y.example.org"), "c.example");
  EXPECT_EQ(find({rows}, "bob", "here.example"), "-") << "as without a table";
  EXPECT_EQ(find({rows}, "bob", "else.example"), "d.example");
}

TEST_F(RouteTablesTest, tables_are_asked_in_order_key_by_key) {
  const std::string first = table("first", "example.org smtp:[one.example]\n");
  const std::string second =
      table("second", "ann@example.org smtp:[two.example]\nexample.org smtp:[other.example]\n");
  EXPECT_EQ(find({first, second}, "ann", "example.org"), "two.example") << "the nearer key";
  EXPECT_EQ(find({first, second}, "bob", "example.org"), "one.example");
  EXPECT_EQ(find({first, second}, "bob", "none.example"), "-");
}

TEST_F(RouteTablesTest, patterns_see_whole_addresses_only) {
  const std::string patterns = table(
      "patterns", "/^example\\.org$/ smtp:[no.example]\n/@example\\.org$/ smtp:[yes.example]\n",
      "regexp");
  EXPECT_EQ(find({patterns}, "ann", "example.org"), "yes.example");
  EXPECT_EQ(find({patterns}, "ann", "example.net"), "-");
}

TEST_F(RouteTablesTest, a_table_of_domains_leads_to_one_place) {
  const std::string domains = table("domains", "example.org 1\n");
  const std::string all = "pipemap:{" + domains + ", static:{smtp:[a.example]:26, [b.example]}}";
  EXPECT_EQ(find({all}, "ann", "example.org"), "a.example:26, b.example");
  EXPECT_EQ(find({all}, "ann", "sub.example.org"), "-");
}

TEST_F(RouteTablesTest, what_fails_is_told_and_mail_waits) {
  EXPECT_EQ(find({table("odd", "example.org lmtp:unix:/x\n")}, "ann", "example.org").substr(0, 2),
            "! ");
  EXPECT_EQ(find({"fail:later"}, "ann", "example.org").substr(0, 2), "! ");
  EXPECT_EQ(find({"hash:/nowhere"}, "ann", "example.org").substr(0, 2), "? ");
  const std::string asked = find({"tcp:127.0.0.1:1"}, "ann", "example.org");
  EXPECT_EQ(asked.substr(0, 2), "! ") << asked;
}

}  // namespace
}  // namespace postern::app
