using System.Text.Json.Nodes;

namespace Rudder.Checkpoints.Tests;

public sealed class ChatTemplateTests
{
    private static readonly ChatMessage[] Messages = [new("user", " Hello  "), new("assistant", "Hi!")];

    [Theory]
    // White space: trim_blocks, lstrip_blocks, minus and plus signs, the last line break.
    [InlineData("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc")]
    [InlineData("a  {%- if true -%}  b  {%- endif -%}  c", "abc")]
    [InlineData("  {%+ if true %}x{% endif %}", "  x")]
    [InlineData("{% if true +%}\nx{% endif %}", "\nx")]
    [InlineData("{{ 'a' }}\nb{# c #}\nd\n\n", "a\nbd\n")]
    [InlineData("{% raw %}{{ x }}{% endraw %}", "{{ x }}")]
    // Loops, scopes and namespaces.
    [InlineData("{% for m in messages %}{{ loop.index }}{{ loop.last }}{{ m.role }}|{% endfor %}", "1Falseuser|2Trueassistant|")]
    [InlineData("{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{% endfor %}{{ x }}", "1")]
    [InlineData("{% set n = namespace(x=1) %}{% for i in [1, 2] %}{% set n.x = n.x + i %}{% endfor %}{{ n.x }}", "4")]
    [InlineData("{% for i in range(5) if i is odd %}{{ i }}{% else %}none{% endfor %}", "13")]
    [InlineData("{% for i in [] %}{% else %}none{% endfor %}", "none")]
    [InlineData("{% for i in range(9) %}{% if i == 2 %}{% continue %}{% elif i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %}", "013")]
    [InlineData("{% for k, v in {'a': 1, 'b': [none, true, 1.5]}.items() %}{{ k }}={{ v }};{% endfor %}", "a=1;b=[None, True, 1.5];")]
    [InlineData("{% macro hi(name, mark='!') %}hi {{ name }}{{ mark }}{% endmacro %}{{ hi('you') }}{{ hi('me', mark='?') }}", "hi you!hi me?")]
    [InlineData("{% set x %}a{{ 1 }}{% endset %}{{ x | upper }}", "A1")]
    // Expressions.
    [InlineData("{{ 1 + 2 * 3 ** 2 }} {{ 7 // -2 }} {{ -7 % 3 }} {{ 1 / 4 }} {{ 1e20 }} {{ 0.00001 }}", "19 -4 2 0.25 1e+20 1e-05")]
    [InlineData("{{ 'a' ~ 1 ~ none }}{{ 'ab' * 2 }}{{ 'a' 'b' }}", "a1Noneababab")]
    [InlineData("{{ 'x' if false }}|{{ 'x' if false else 'y' }}|{{ not 1 == 2 and 2 in [1, 2] }}", "|y|True")]
    [InlineData("{{ [1, 2, 3][::-1] }}{{ 'abcd'[1:-1] }}{{ messages[-1].content[0] }}", "[3, 2, 1]bcH")]
    [InlineData("{{ missing }}{{ missing is defined }}{{ messages[0].name or 'none' }}{{ missing | default('d') }}", "Falsenoned")]
    [InlineData("{{ '\\x41\\u00e9\\n' }}", "Aé\n")]
    // Filters, tests and methods.
    [InlineData("{{ messages[0].content | trim }}|{{ messages | length }}|{{ messages | map(attribute='role') | join(', ') }}", "Hello|2|user, assistant")]
    [InlineData("{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('nothing') | list | length }}", "12")]
    [InlineData("{{ {'b': 'ü<', 'a': [1, 2.50, none]} | tojson }}", "{\"b\": \"ü<\", \"a\": [1, 2.5, null]}")]
    [InlineData("{{ {'a': [1], 'b': {}} | tojson(indent=2) }}", "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}")]
    [InlineData("{{ 'a,b,c'.split(',', 1) }}{{ ' a  b '.split() }}{{ 'x</t>y'.split('</t>')[-1] }}", "['a', 'b,c']['a', 'b']y")]
    [InlineData("{{ 'hello world' | title }}{{ 'xyx'.replace('x', 'z') }}{{ 'abc'.startswith(('x', 'a')) }}", "Hello WorldzyzTrue")]
    [InlineData("{{ 'a\nb' | indent(2) }}{{ [3, 1, 2] | sort | first }}{{ {'b': 1, 'a': 2} | dictsort }}", "a\n  b1[['a', 2], ['b', 1]]")]
    [InlineData("{{ none is none }}{{ 1 is number }}{{ 'a' is string }}{{ {} is mapping }}{{ true is boolean }}{{ 3 is divisibleby 3 }}", "TrueTrueTrueTrueTrueTrue")]
    [InlineData("{% generation %}x{% endgeneration %}{{ tools is none }}{{ strftime_now('%d %b %Y') }}", "xTrue26 Jul 2024")]
    public void Render_Construct_WritesWhatJinjaWrites(string source, string expected)
    {
        Assert.Equal(expected, ChatTemplate.Parse(source, time: new TestClock(TimeSpan.Zero)).Render(Messages, addGenerationPrompt: false).Text);
    }

    [Theory]
    [InlineData("a\n{% include 'x' %}", 2, "include")]
    [InlineData("{% for x in y recursive %}{% endfor %}", 1, "recursive")]
    [InlineData("\n\n{{ 'a", 3, "not closed")]
    [InlineData("{% if x %}", 1, "endif")]
    [InlineData("{{ 1 ! 2 }}", 1, "'!'")]
    [InlineData("{{ f(*args) }}", 1, "unpacked")]
    public void Parse_UnsupportedSource_NamesItAndItsLine(string source, int line, string part)
    {
        var fault = Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(source));

        Assert.Equal(line, fault.Line);
        Assert.Contains(part, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\n{{ 1 | wordcount }}", 2, "wordcount")]
    [InlineData("{{ 1 is prime }}", 1, "prime")]
    [InlineData("{{ nothing() }}", 1, "nothing()")]
    [InlineData("{{ nothing.x }}", 1, "'nothing' is undefined")]
    [InlineData("{{ 'a' + 1 }}", 1, "a text and a number")]
    [InlineData("{{ messages.append(1) }}", 1, "append()")]
    [InlineData("{{ ''.__class__.__mro__ }}", 1, "__class__")]
    [InlineData("{{ 'a' | trim(characters='a') }}", 1, "characters")]
    [InlineData("{{ strftime_now('%Q') }}", 1, "%Q")]
    [InlineData("{{ 1 % 0 }}", 1, "divides by zero")]
    public void Render_UnsupportedOperation_NamesItAndItsLine(string source, int line, string part)
    {
        var template = ChatTemplate.Parse(source);

        var fault = Assert.Throws<ChatTemplateException>(() => template.Render(Messages, addGenerationPrompt: false));
        Assert.Equal(line, fault.Line);
        Assert.Contains(part, fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{% set r = range(1000) %}{% for i in r %}{% for j in r %}{{ i }}{% endfor %}{% endfor %}", "steps")]
    [InlineData("{{ range(1000000000000) }}", "characters and items")]
    [InlineData("{{ 'x' * 1000000000000 }}", "characters and items")]
    [InlineData("{% set n = namespace(s='xx') %}{% for i in range(60) %}{% set n.s = n.s ~ n.s %}{% endfor %}", "characters and items")]
    [InlineData("{% set s = 'x' * 100000 %}{{ s.replace('x', s) }}", "characters and items")]
    [InlineData("{% set s = 'x' * 1000000 %}{% for i in range(9) %}{{ s }}{% endfor %}", "text is longer")]
    [InlineData("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "deeper than")]
    [InlineData("{% set n = namespace(l=[]) %}{% for i in range(1000) %}{% set n.l = [n.l] %}{% endfor %}{{ n.l }}", "deeper than")]
    public void Render_UnboundedTemplate_IsStopped(string source, string limit)
    {
        var template = ChatTemplate.Parse(source, time: new TestClock(TimeSpan.Zero)); // not stopped by time on a slow machine

        var fault = Assert.Throws<ChatTemplateException>(() => template.Render(Messages, addGenerationPrompt: false));
        Assert.Contains(limit, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_DeepNesting_IsRefused()
    {
        string source = "{{ " + new string('(', 50_000) + "1" + new string(')', 50_000) + " }}";

        Assert.Contains("deeper than", Assert.Throws<ChatTemplateException>(() => ChatTemplate.Parse(source)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_SlowTemplate_IsStoppedByTheClock()
    {
        var template = ChatTemplate.Parse("{% for i in range(1000) %}{{ i }}{% endfor %}", time: new TestClock(TimeSpan.FromSeconds(3)));

        var fault = Assert.Throws<ChatTemplateException>(() => template.Render(Messages, addGenerationPrompt: false));
        Assert.Contains("longer than 2 s", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_RaiseException_KeepsTextOfMessagesOutOfTheReason()
    {
        var template = ChatTemplate.Parse("\n{{ raise_exception('Bad text: ' + messages[0].content + '.') }}");

        var refusal = Assert.Throws<ChatRefusedException>(() => template.Render([new ChatMessage("user", "secret")], addGenerationPrompt: false));
        Assert.Equal("Bad text: .", refusal.Reason);
        Assert.DoesNotContain("secret", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(2, refusal.Line);
    }

    [Fact]
    public void Load_FolderWithBoth_PrefersTheJinjaFile()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "tokenizer_config.json"), """
            {"bos_token": {"content": "<s>", "lstrip": false}, "eos_token": "</s>",
             "chat_template": [{"name": "default", "template": "{{ bos_token }}config"}, {"name": "tool_use", "template": "{{ eos_token }}tools"}]}
            """);

        Assert.Equal("<s>config", ChatTemplate.Load(folder.Path)!.Render(Messages, false).Text);
        Assert.Equal("</s>tools", ChatTemplate.Load(folder.Path, "tool_use")!.Render(Messages, false).Text);
        Assert.Null(ChatTemplate.Load(folder.Path, "rag"));

        File.WriteAllText(Path.Combine(folder.Path, "chat_template.jinja"), "{{ bos_token }}file");
        Assert.Equal("<s>file", ChatTemplate.Load(folder.Path)!.Render(Messages, false).Text);
    }

    [Fact]
    public void CopyFiles_FolderWithJinjaFile_CopiesIt()
    {
        using var tokenizer = TinyTokenizer.Write();
        using var copy = new TemporaryFolder();
        File.WriteAllText(tokenizer.File("chat_template.jinja"), "{{ eos_token }}");

        TextTokenizer.CopyFiles(tokenizer.Path, copy.Path, context: 8);

        Assert.Equal("<|endoftext|>", ChatTemplate.Load(copy.Path)!.Render(Messages, false).Text);
    }

    [Fact]
    public void Load_FolderWithoutTemplate_ReturnsNull()
    {
        using var folder = new TemporaryFolder();

        Assert.Null(ChatTemplate.Load(folder.Path));
    }

    [Fact]
    public void Load_InvalidTemplate_NamesTheFile()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "chat_template.jinja"), "{% if %}");

        Assert.Contains("chat_template.jinja, line 1", Assert.Throws<ChatTemplateException>(() => ChatTemplate.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_VariablesAndNumbers_KeepTheirForm()
    {
        var template = ChatTemplate.Parse("{{ tools | tojson }}{{ messages[0].n }}");
        var messages = JsonNode.Parse("""[{"role": "user", "n": 21.50}]""")!.AsArray();

        string text = template.Render(messages, false, new JsonObject { ["tools"] = new JsonArray(1, "a\"b") }).Text;

        Assert.Equal("[1, \"a\\\"b\"]21.5", text);
    }
}
