using Rudder.Checkpoints;
using Rudder.Engine;
using Rudder.Tests;
using Rudder.Trainer.Runs;

namespace Rudder.Trainer.Tests.Recipes;

/// <summary>From a tokenizer that only Hugging Face's library reads to text in and text out of the exported model.</summary>
public sealed class AnyTokenizerTests
{
    [Fact]
    public async Task Sft_LlamaWithASentencePieceTokenizer_ExportsAFolderThatReadsAndWritesText()
    {
        using var world = new TinyTraining();
        string folder = world.File("tokenizer-sp");
        SentencePieceFolder.Write(folder);

        RunFolder run = world.Train(
            world.Sft(
                $"tokenizer={folder}", "architecture.model_type=llama", "architecture.key_value_heads=1", "architecture.context=64", "data.over_length=truncate",
                "epochs=4", "optimizer.learning_rate=0.03", "export.fp32=true"),
            "sft");

        Assert.Equal(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")), File.ReadAllBytes(Path.Combine(run.Model, "tokenizer.json")));
        var tokenizer = TextTokenizer.Load(run.Model)!;
        await using var engine = new EngineHost(new EngineOptions());
        var description = await engine.LoadAsync(new ModelSource("m", run.Model));
        Assert.Equal("Tokenizers.DotNet: model.byte_fallback is 'true'", description.TokenizerLibrary);
        Assert.Equal((SentencePieceFolder.Size, SentencePieceFolder.Eos), (description.Vocabulary, description.EosId));

        // A text is the prompt of its ids after BOS.
        int[] prompt = [SentencePieceFolder.Bos, .. tokenizer.Encode("the film")];
        var fromText = await DrawAsync(engine, new PromptContent { Text = "the film" });
        var fromIds = await DrawAsync(engine, new PromptContent { Ids = prompt });
        Assert.Equal(fromIds.Ids, fromText.Ids);
        Assert.Equal("the film" + fromText.Text, tokenizer.Decode([.. prompt, .. fromText.Ids]));

        // A stop string ends the completion, and the stream gives the same text.
        string stop = fromText.Text[..2];
        var stopped = await DrawAsync(engine, new PromptContent { Text = "the film" }, stop);
        Assert.Equal("", stopped.Text);
        Assert.True(stopped.Ids.Count < fromText.Ids.Count, $"{stopped.Ids.Count} tokens");
        using var lease = engine.Acquire("m");
        var pieces = new TokenText(lease);
        Assert.Equal(fromText.Text, string.Concat(fromText.Ids.Select(pieces.Append)) + pieces.Flush());
    }

    private static async Task<(IReadOnlyList<int> Ids, string Text)> DrawAsync(EngineHost engine, PromptContent prompt, params string[] stops)
    {
        var request = new GenerationRequest { Prompts = [prompt], MaxNewTokens = 12, Parameters = SamplingParameters.Greedy, StopStrings = stops };
        var drawn = (await engine.GenerateAsync("m", request))[0][0];
        return (drawn.Ids, drawn.Text);
    }
}
