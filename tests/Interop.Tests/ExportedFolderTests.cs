using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.ML.OnnxRuntimeGenAI;
using Rudder.Checkpoints;
using Rudder.Inference.V1;

namespace Rudder.Interop.Tests;

/// <summary>Other programs run exported folders as they are, and say what the service says.</summary>
public sealed class ExportedFolderTests(InteropService service)
{
    [ModuleInitializer]
    internal static void TelemetryOff() => NativeEnvironment.Prepare();

    [Fact]
    public async Task Generate_TransformersJs_GivesTheServicesGreedyText()
    {
        var expected = await GreedyAsync();
        var classes = await new Scoring.ScoringClient(service.Channel).ClassifyAsync(
            new ClassifyRequest { Model = InteropService.Classifier, Inputs = { new ClassifyInput { Text = InteropService.Prompt } } });

        var client = await NodeScript.RunAsync(
            "transformers.mjs", service.Folder(InteropService.Generator), service.Folder(InteropService.Classifier), "fp32",
            InteropService.Prompt, InteropService.Tokens.ToString(CultureInfo.InvariantCulture));

        Assert.Equal(expected.Ids, client["generate"].Ids("ids"));
        Assert.Equal(expected.Text, client["generate"].Text("text"));
        Assert.Equal(classes.Labels, client["classify"].Texts("labels"));
        float[] probabilities = [.. client["classify"].GetProperty("probabilities").EnumerateArray().Select(value => value.GetSingle())];
        Assert.Equal(classes.Results[0].Probabilities[0], probabilities[0], 1e-5f);
    }

    [Fact]
    public async Task Generate_GenAi_LoadsTheRootAndGivesTheServicesGreedyText()
    {
        var expected = await GreedyAsync();

        using var model = new Model(service.Folder(InteropService.Generator));
        using var tokenizer = new Tokenizer(model);
        using var prompt = tokenizer.Encode(InteropService.Prompt);
        using var parameters = new GeneratorParams(model);
        parameters.SetSearchOption("max_length", prompt[0].Length + InteropService.Tokens);
        parameters.SetSearchOption("do_sample", false);
        using var generator = new Generator(model, parameters);
        generator.AppendTokenSequences(prompt);
        while (!generator.IsDone())
        {
            generator.GenerateNextToken();
        }

        int[] ids = generator.GetSequence(0).ToArray()[expected.PromptIds.Count..];
        Assert.Equal(expected.PromptIds, prompt[0].ToArray());
        Assert.Equal(expected.Ids, ids);
        string sound = expected.Text.Split('\uFFFD')[0];        // the tiny model also draws bytes that are not text, where GenAI's decoding ends
        Assert.NotEmpty(sound);                                 // how much is sound depends on the docs that the tokenizer is trained on
        Assert.StartsWith(sound, tokenizer.Decode(ids), StringComparison.Ordinal);
        Assert.Equal(InteropService.Prompt, tokenizer.Decode(prompt[0]));
    }

    private async Task<Completion> GreedyAsync()
    {
        var reply = await new Sampling.SamplingClient(service.Channel).SampleAsync(new SampleRequest
        {
            Model = InteropService.Generator,
            Prompts = { new Prompt { Text = InteropService.Prompt } },
            Settings = new SamplerSettings { Temperature = 0, MaxNewTokens = InteropService.Tokens },
        });
        return Assert.Single(reply.Completions);
    }
}
