using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using Grpc.Core;
using Rudder.Engine.Tests.Support;
using Rudder.Inference.V1;

namespace Rudder.InferenceService.Tests.Grpc;

/// <summary>Damaged, swapped, incomplete or too large models: each is refused by name, and the loaded model keeps serving.</summary>
public sealed class ModelFaultsTests : IDisposable
{
    private const string Name = "served";
    private readonly string _root = Directory.CreateTempSubdirectory("rudder-faults-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Load_NoGraphAtAllInTheFile_IsRefusedAndTheOldModelServes()
    {
        string folder = ModelCopies.Plain("tiny-gpt2", Path.Combine(_root, "bad"));
        File.WriteAllText(Path.Combine(folder, "onnx", "model.onnx"), "no graph, but rudder.fingerprint\x12\x40" + new string('0', 64));
        ModelCopies.Sealed(folder);                          // its hash is right: only ONNX Runtime can tell

        Assert.Contains("cannot be read as an ONNX graph", await RefusalAsync("bad"));
    }

    [Fact]
    public async Task Load_GraphOfAnotherModel_IsRefusedByTheFingerprintInIt()
    {
        string folder = ModelCopies.Plain("tiny-gpt2", Path.Combine(_root, "bad"));
        string other = ModelCopies.Scaled(ModelCopies.Fixture("tiny-gpt2"), Path.Combine(_root, "other"), 2);
        string swapped = Path.Combine(folder, "onnx", "model.onnx");
        File.Copy(Path.Combine(other, "onnx", "model.onnx"), swapped, overwrite: true);
        SetHash(folder, "model.onnx", Path.Combine(other, "onnx", "export.json"));

        Assert.Contains("model.onnx is a graph of fingerprint", await RefusalAsync("bad"));
    }

    [Fact]
    public async Task Load_MissingExternalData_IsRefusedByName()
    {
        string folder = ModelCopies.Plain("tiny-gpt2", Path.Combine(_root, "bad"));
        File.Delete(Path.Combine(folder, "onnx", "model.onnx_data"));

        Assert.Contains("model.onnx_data is missing", await RefusalAsync("bad"));
    }

    [Fact]
    public async Task Load_MissingExternalDataOfWhichTheRecordKnowsNothing_IsRefused()
    {
        string folder = ModelCopies.Plain("tiny-gpt2", Path.Combine(_root, "bad"));
        File.Delete(Path.Combine(folder, "onnx", "model.onnx_data"));
        ModelCopies.Sealed(folder);

        Assert.Contains("has weights in 'model.onnx_data', which is none of the weight files that export.json lists", await RefusalAsync("bad"));
    }

    [Fact]
    public async Task Load_LargerThanTheLimit_IsRefusedByItsStatedSizeBeforeItsFilesAreRead()
    {
        string folder = ModelCopies.Plain("tiny-gpt2", Path.Combine(_root, "bad"));
        File.WriteAllText(Path.Combine(folder, "onnx", "export.json"), "{"); // would be refused as well, had it been read

        // 1,024 slots × 64 tokens × 256 bytes per layer, key and value: 32 MiB of cache.
        string refusal = await RefusalAsync("bad", "--Service:MaxModelMegabytes=24", "--Service:MaxSlots=1024");

        Assert.Contains("key-value cache 33,554,432", refusal);
        Assert.Contains("the limit is 25,165,824 (MaxModelMegabytes)", refusal);
    }

    [Fact]
    public async Task Sample_LogitsBreakInMidBatch_FailsOnlyTheRequestThatMeetsIt()
    {
        // Position 20 is not a number: whoever decodes that far fails within four tokens, the others must not notice.
        string folder = ModelCopies.Plain("tiny-gpt2", Path.Combine(_root, "broken"));
        BreakPosition(folder, 20);
        await using var service = await RunningService.StartAsync(RunningService.Model(0, Name, folder));
        var healthy = Request(Golden.InputIds[0][..5], newTokens: 12, samples: 8);
        var alone = await service.Sampling.SampleAsync(healthy);

        // Again and again, so that the slots of the failed rows are used anew.
        for (int round = 0; round < 4; round++)
        {
            var others = service.Sampling.SampleAsync(healthy);
            var broken = service.Sampling.SampleAsync(Request(Golden.InputIds[0], newTokens: 20, samples: 2));

            var fault = await Assert.ThrowsAsync<RpcException>(async () => await broken);
            Assert.Equal(StatusCode.Internal, fault.StatusCode);
            Assert.Equal(alone.Completions.Select(completion => completion.Ids), (await others).Completions.Select(completion => completion.Ids));
        }
    }

    /// <summary>Asks the service, which serves a good model, to load a folder over it.</summary>
    /// <returns>Details of the refusal.</returns>
    private async Task<string> RefusalAsync(string path, params string[] args)
    {
        string good = ModelCopies.Plain("tiny-roberta", Path.Combine(_root, "good"));
        await using var service = await RunningService.StartAsync([$"--Service:ModelRoots:0={_root}", .. RunningService.Model(0, Name, good), .. args]);
        string before = (await service.Models.ListAsync(new ListModelsRequest())).ToString();

        var fault = await Assert.ThrowsAsync<RpcException>(async () => await service.Models.LoadAsync(new LoadModelRequest { Name = Name, Path = path }));

        Assert.Equal(StatusCode.FailedPrecondition, fault.StatusCode);
        Assert.Equal(before, (await service.Models.ListAsync(new ListModelsRequest())).ToString());
        var input = new ClassifyInput { Ids = new TokenIds { Ids = { Golden.ClassifierIds[0] } } };
        Assert.Single((await service.Scoring.ClassifyAsync(new ClassifyRequest { Model = Name, Inputs = { input } })).Results);
        return fault.Status.Detail;
    }

    private static SampleRequest Request(int[] prompt, int newTokens, int samples) => new()
    {
        Model = Name,
        Prompts = { Golden.Prompt(prompt) },
        N = samples,
        Settings = new SamplerSettings { MaxNewTokens = newTokens, TopK = 8, Seed = 3 },
    };

    private static void SetHash(string folder, string graph, string from)
    {
        string record = Path.Combine(folder, "onnx", "export.json");
        var mine = JsonNode.Parse(File.ReadAllText(record))!;
        var theirs = JsonNode.Parse(File.ReadAllText(from))!;
        mine["graphs"]![graph] = theirs["graphs"]![graph]!.DeepClone();
        File.WriteAllText(record, mine.ToJsonString());
    }

    /// <summary>Writes NaN over one row of the position embedding in the graphs' weights, found by its bytes in the checkpoint.</summary>
    private static void BreakPosition(string folder, int position)
    {
        const string Key = "transformer.wpe.weight";
        const int RowBytes = 32 * sizeof(float);
        byte[] checkpoint = File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));
        int header = (int)BitConverter.ToInt64(checkpoint);
        using var json = JsonDocument.Parse(checkpoint.AsMemory(sizeof(long), header));
        int start = sizeof(long) + header + json.RootElement.GetProperty(Key).GetProperty("data_offsets")[0].GetInt32() + (position * RowBytes);
        string file = Path.Combine(folder, "onnx", "model.onnx_data");
        byte[] weights = File.ReadAllBytes(file);
        int at = weights.AsSpan().IndexOf(checkpoint.AsSpan(start, RowBytes));
        Assert.True(at >= 0, $"{file} does not hold the row");
        MemoryMarshal.Cast<byte, float>(weights.AsSpan(at, RowBytes)).Fill(float.NaN);
        File.WriteAllBytes(file, weights);
        ModelCopies.Sealed(folder);
    }
}
