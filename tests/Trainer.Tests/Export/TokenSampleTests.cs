using System.Text.Json;
using Rudder.Checkpoints;
using Rudder.Trainer.Export;

namespace Rudder.Trainer.Tests.Export;

public sealed class TokenSampleTests : IDisposable
{
    private readonly TinyTraining _world = new();

    public void Dispose() => _world.Dispose();

    [Fact]
    public void Open_ReviewsWithHtml_AreCleanedAsPromptsAre()
    {
        string file = _world.File("texts.jsonl");
        File.WriteAllText(file, JsonSerializer.Serialize(new { text = "the film<br /><br />was\n fine" }));
        int[] clean = TextTokenizer.Load(_world.LanguageTokenizer)!.Encode("the film was fine");
        Assert.Equal(clean, TokenSample.Open(_world.LanguageTokenizer, 300, file).Even(1, clean.Length)[0]);
    }
}
