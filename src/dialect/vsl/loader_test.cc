#include "dialect/vsl/loader.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/temporary_folder_test.h"

namespace postern::dialect::vsl {
namespace {

namespace fs = std::filesystem;

using Texts = std::map<std::string, std::string>;

/// A policy directory on disk, inside a folder that scripts must not reach.
struct Folder : tests::TemporaryFolder {
  explicit Folder(const Texts& files) {
    for (const auto& [name, text] : files) write("policy/" + name, text);
  }
  tl::expected<Sources, std::vector<Mistake>> load() const {
    return load_sources("main.vsl", read_directory(file("policy")));
  }
};

tl::expected<Sources, std::vector<Mistake>> load(Texts files) {
  return load_sources("main.vsl", read_given(std::make_shared<const Texts>(std::move(files))));
}

std::vector<std::string> names(const Sources& sources) {
  std::vector<std::string> all;
  for (const File& file : sources.files) all.push_back(file.name);
  return all;
}

std::string mistakes(const std::vector<Mistake>& all) {
  std::string text;
  for (const Mistake& one : all) {
    text += one.to_string() + (one.hint.empty() ? "" : " (" + one.hint + ")") + "\n";
  }
  return text;
}
std::string mistakes(const tl::expected<Sources, std::vector<Mistake>>& loaded) {
  return loaded ? "loaded" : mistakes(loaded.error());
}
std::string stage_mistakes(std::string text) {
  const auto sources = load({{"main.vsl", std::move(text)}});
  return sources ? mistakes(check_stages(*sources)) : mistakes(sources);
}

TEST(VslLoader, FindsModulesBesideTheImporterThenBesideTheEntry) {
  const Folder folder({{"main.vsl", "import \"lib/a\" as a; import \"lib/a.vsl\" as again;"},
                       {"lib/a.vsl", "import \"b\" as b; import \"c\" as c;"},
                       {"lib/b.vsl", "const one = 1;"},
                       {"b.vsl", "const other = 1;"},
                       {"c.vsl", "fn f() { import \"lib/../d\" as d; }"},
                       {"d.vsl", ""}});
  const auto sources = folder.load();
  ASSERT_TRUE(sources) << mistakes(sources);
  EXPECT_EQ(names(*sources),
            (std::vector<std::string>{"main.vsl", "lib/a.vsl", "lib/b.vsl", "c.vsl", "d.vsl"}));
  const File& entry = sources->files[0];
  EXPECT_EQ(entry.body[0]->file, 1u);
  EXPECT_EQ(entry.body[1]->file, 1u) << "each file once";
  EXPECT_EQ(sources->files[1].body[1]->file, 3u);
}

TEST(VslLoader, LetsAModuleCallAVariableService) {
  const auto files = std::make_shared<std::map<std::string, std::string>>();
  (*files)["scan.vsl"] = "export const service = 1;";
  (*files)["main.vsl"] =
      "import \"scan\" as scan;\n#{ mail: [ rule \"r\" || { log(\"info\", `${scan::service}`); "
      "next() } ] }";
  EXPECT_TRUE(load_sources("main.vsl", read_given(files)).has_value());
}

TEST(VslLoader, ReadsTheSameFromARecord) {
  Texts files{{"main.vsl", "import \"lib/a\" as a;"},
              {"lib/a.vsl", "const b = 1;"},
              {"list.txt", "not a script"}};
  const auto sources = load(files);
  ASSERT_TRUE(sources) << mistakes(sources);
  EXPECT_EQ(names(*sources), (std::vector<std::string>{"main.vsl", "lib/a.vsl"}));
}

TEST(VslLoader, KeepsImportsBelowThePolicyDirectory) {
  const Folder folder({{"main.vsl", ""}, {"inside.vsl", "const a = 1;"}, {"lib/x.vsl", ""}});
  fs::create_symlink(folder.write("secret.vsl", "const secret = 1;"),
                     folder.file("policy/out.vsl"));
  fs::create_symlink(folder.file("policy/inside.vsl"), folder.file("policy/in.vsl"));
  fs::create_directory_symlink(folder.path(), folder.file("policy/up"));
  const std::string absolute = folder.file("secret");
  const struct {
    std::string path;
    std::string wanted;
  } cases[] = {
      {"in", "loaded"},
      {"lib/../inside", "loaded"},
      {"out",
       "main.vsl:1:8: `out.vsl` lies outside of the policy directory (no symbolic link may "
       "lead out of it)\n"},
      {"up/secret",
       "main.vsl:1:8: `up/secret.vsl` lies outside of the policy directory (no "
       "symbolic link may lead out of it)\n"},
      {"../secret",
       "main.vsl:1:8: `../secret` lies outside of the policy directory (imports are "
       "files below the directory of the entry file)\n"},
      {"lib/../../secret",
       "main.vsl:1:8: `lib/../../secret` lies outside of the policy directory "
       "(imports are files below the directory of the entry file)\n"},
      {absolute, "main.vsl:1:8: `" + absolute +
                     "` lies outside of the policy directory (imports are files below the "
                     "directory of the entry file)\n"},
      {"insid", "main.vsl:1:8: there is no module `insid` (did you mean `inside`?)\n"},
      {"lib", "main.vsl:1:8: there is no module `lib` (did you mean `in`?)\n"},
      {"inside.vsl\\x00",
       "main.vsl:1:8: there is no module `inside.vsl\\x00` (a module is a .vsl file "
       "below the directory of the entry file; Postern's functions need no "
       "import)\n"},
  };
  for (const auto& one : cases) {
    folder.write("policy/main.vsl", "import \"" + one.path + "\" as a;");
    EXPECT_EQ(mistakes(folder.load()), one.wanted) << one.path;
  }
}

TEST(VslLoader, NamesCycles) {
  EXPECT_EQ(mistakes(load({{"main.vsl", "import \"a\" as a;"},
                           {"a.vsl", "import \"b\" as b;"},
                           {"b.vsl", "\nfn f() { import \"a\" as a; }"}})),
            "b.vsl:2:17: this import closes a cycle: a.vsl, b.vsl, a.vsl (move what both need into "
            "a third file)\n");
  EXPECT_EQ(mistakes(load({{"main.vsl", "import \"main\" as a;"}})),
            "main.vsl:1:8: this import closes a cycle: main.vsl, main.vsl (move what both need "
            "into a third file)\n");
}

TEST(VslLoader, EndsWhereFilesImportOneAnotherWithoutEnd) {
  Texts files;
  for (int i = 0; i < 100; ++i) {
    const std::string name = i == 0 ? "main.vsl" : "f" + std::to_string(i) + ".vsl";
    files[name] = "import \"f" + std::to_string(i + 1) + "\" as f;";
  }
  EXPECT_EQ(mistakes(load(files)), "f63.vsl:1:8: more than 64 files import one another\n");
}

TEST(VslLoader, ReportsTheMistakesOfEveryFile) {
  EXPECT_EQ(
      mistakes(load({{"main.vsl", "import \"a\" as a; import \"a\" as a2; import \"b\" as b;"},
                     {"a.vsl", "let = 1;"},
                     {"b.vsl", "let x = ;"}})),
      "a.vsl:1:5: the name of a variable is expected, not `=`\n"
      "b.vsl:1:9: a value is expected, not `;`\n");
  EXPECT_EQ(mistakes(load({})),
            "main.vsl:1:1: the script cannot be read: main.vsl is not in the "
            "record\n");
}

TEST(VslLoader, HasAllFilesAtHandWhereAPathIsComputed) {
  const auto sources = load({{"main.vsl", "fn f(x) { import `lib/${x}` as m; }"},
                             {"lib/a.vsl", "import \"missing\" as m; import \"b\" as b;"},
                             {"lib/b.vsl", ""},
                             {"lib/broken.vsl", "let = "},
                             {"list.txt", "text"}});
  ASSERT_TRUE(sources) << mistakes(sources);
  EXPECT_EQ(names(*sources), (std::vector<std::string>{"main.vsl", "lib/a.vsl", "lib/b.vsl"}));
  EXPECT_FALSE(sources->files[1].body[0]->file);
  EXPECT_EQ(sources->files[1].body[1]->file, 2u);
  EXPECT_EQ(find_import(*sources, "main.vsl", "lib/a"), 1u);
  EXPECT_EQ(find_import(*sources, "lib/a.vsl", "b"), 2u);
  EXPECT_EQ(find_import(*sources, "lib/a.vsl", "main"), 0u);
  EXPECT_EQ(find_import(*sources, "main.vsl", "lib/broken"), std::nullopt);
  EXPECT_EQ(find_import(*sources, "main.vsl", "../main"), std::nullopt);
}

TEST(VslStages, AcceptsWhatLooksLikeAPolicy) {
  EXPECT_EQ(
      stage_mistakes("fn f() { next() } const g = || next();\n"
                     "connect: [ rule \"a\" f, ] helo: []\n"
                     "#{ mail: [ rule \"b\" || next(), action \"c\" #{ evaluate: || {} } ] }\n"
                     "#{ \"mail\": [ rule \"d\" g ], deliver: [ delegate av \"e\" || next() ] }"),
      "");
  EXPECT_EQ(stage_mistakes("#{}"), "");
}

TEST(VslStages, NamesEveryMistakeWithItsPlace) {
  EXPECT_EQ(stage_mistakes("#{ data: [], mial: [ rule \"x\" || next() ],\n"
                           "  mail: next(), rcpt: #{ a: 1 },\n"
                           "  preq: [ || next(), 3, rule \"x\" || next() ],\n"
                           "  helo: [ delegate av \"y\" || next() ] }"),
            "main.vsl:1:4: there is no stage `data` (the stage of a received message is `preq`)\n"
            "main.vsl:1:14: there is no stage `mial` (did you mean `mail`?)\n"
            "main.vsl:2:9: the stage `mail` is not an array of rules (as in `mail: [ rule \"name\" "
            "|| next() ]`)\n"
            "main.vsl:2:23: the stage `rcpt` is not an array of rules (as in `rcpt: [ rule "
            "\"name\" || next() ]`)\n"
            "main.vsl:3:11: the stage `preq` holds something that is no rule (a stage holds "
            "`rule`, `action` and `delegate`)\n"
            "main.vsl:3:22: the stage `preq` holds something that is no rule (a stage holds "
            "`rule`, `action` and `delegate`)\n"
            "main.vsl:3:30: the name \"x\" is given twice (the first one is in line 1; names are "
            "unique over all stages)\n"
            "main.vsl:4:11: `delegate` is possible only in `postq` and `delivery` (a message can "
            "be passed to another server after it has been received)\n");
}

TEST(VslStages, WantsAFunctionToRun) {
  const struct {
    std::string_view body;
    std::string_view wanted;
  } cases[] = {
      {"\"text\"",
       "main.vsl:1:21: the rule \"x\" is not a function without parameters (write `rule "
       "\"name\" || ...`)\n"},
      {"|a| next()",
       "main.vsl:1:21: the rule \"x\" is not a function without parameters (write "
       "`rule \"name\" || ...`)\n"},
      {"#{ description: \"d\" }",
       "main.vsl:1:21: the rule \"x\" has no `evaluate` (as in `#{ evaluate: || next() }`)\n"},
      {"#{ evaluate: 3 }",
       "main.vsl:1:34: `evaluate` of the rule \"x\" is not a function without parameters\n"},
      {"#{ evaluate: f }", ""},
      {"f", ""},
      {"if true { f } else { g }", ""},
  };
  for (const auto& one : cases) {
    EXPECT_EQ(stage_mistakes("#{ mail: [ rule \"x\" " + std::string(one.body) + " ] }"), one.wanted)
        << one.body;
  }
}

TEST(VslStages, IgnoresTheMapOfAnImportedFile) {
  const auto sources =
      load({{"main.vsl", "import \"a\" as a; #{}"}, {"a.vsl", "#{ nonsense: 3 }"}});
  ASSERT_TRUE(sources);
  EXPECT_EQ(mistakes(check_stages(*sources)), "");
}

}  // namespace
}  // namespace postern::dialect::vsl
