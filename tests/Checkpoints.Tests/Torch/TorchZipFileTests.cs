using System.Text;
using System.Text.Json;

namespace Rudder.Checkpoints.Tests;

/// <summary>PyTorch's files: real ones are read, and a pickle that wants more than tensors is refused by name.</summary>
public class TorchZipFileTests
{
    [Fact]
    public void OpenFile_EveryKindOfTensor_GivesPyTorchsValues()
    {
        using var weights = Weights.OpenFile(Path.Combine(Fixtures.Torch, "kinds.bin"));
        var expected = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(File.ReadAllText(Path.Combine(Fixtures.Torch, "kinds.json")))!;

        Assert.Equal(expected.Keys, weights.Tensors.Select(t => t.Name));
        foreach (var tensor in weights.Tensors)
        {
            Assert.Equal(expected[tensor.Name].GetProperty("shape").Deserialize<long[]>(), tensor.Shape);
            if (tensor.Type is not (WeightType.I64 or WeightType.Bool))
            {
                Assert.Equal(expected[tensor.Name].GetProperty("values").Deserialize<float[]>(), weights.ReadFloat32(tensor.Name));
            }
        }
    }

    [Theory]
    [InlineData("before-1.6.bin", "before 1.6")]
    [InlineData("not-a-state-dictionary.bin", "'step'")]
    public void OpenFile_OtherPyTorchFiles_SayWhatTheyAre(string name, string part)
    {
        var error = Assert.Throws<CheckpointException>(() => Weights.OpenFile(Path.Combine(Fixtures.Torch, name)));

        Assert.Contains(part, error.Message, StringComparison.Ordinal);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cposix\nsystem\n(X\u0002\0\0\0idtR.", "'posix.system'")]
    [InlineData("cbuiltins\neval\n(X\u0003\0\0\01+1tR.", "'builtins.eval'")]
    [InlineData("c__builtin__\ngetattr\n.", "'__builtin__.getattr'")]
    [InlineData("ctorch.storage\n_load_from_bytes\n.", "'torch.storage._load_from_bytes'")]
    [InlineData("ctorch._utils\n_rebuild_sparse_tensor\n.", "'torch._utils._rebuild_sparse_tensor'")]
    [InlineData("(iposix\nsystem\n.", "opcode 0x69")] // INST: names and calls in one
    [InlineData("(cposix\nsystem\nX\u0002\0\0\0ido.", "'posix.system'")] // OBJ
    [InlineData("\u0082\u0001.", "opcode 0x82")] // EXT1
    [InlineData("X\u0005\0\0\0posixX\u0006\0\0\0system\u0093.", "opcode 0x93")] // STACK_GLOBAL
    [InlineData("P0\n.", "opcode 0x50")] // PERSID
    [InlineData("NNb.", "something that is not a dictionary")] // BUILD on None
    [InlineData("ctorch._utils\n_rebuild_tensor_v2\n)R.", "with arguments that it does not take")]
    [InlineData("}}R.", "calls something that is not a function")]
    [InlineData("X\u0001\0\0\00Q.", "outside data other than a storage")]
    [InlineData("X\u00ff\u00ff\u00ff\u007fa.", "ends too early")]
    [InlineData("h\u0001.", "recalls entry 1")]
    [InlineData("R.", "empty stack")]
    [InlineData("t.", "never opened")]
    [InlineData("(.", "empty stack")]
    [InlineData("", "ends too early")]
    [InlineData("]}a.", "holds no dictionary")]
    public void OpenFile_PickleThatWantsMoreThanTensors_IsRefusedByName(string pickle, string part)
    {
        byte[] code = [0x80, 2, .. Encoding.Latin1.GetBytes(pickle)];

        Assert.Contains(part, Refusal(WeightBytes.TorchZip(code)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenFile_MillionsOfOpcodes_IsRefusedByTheirNumber()
    {
        byte[] code = [0x80, 2, .. Enumerable.Repeat((byte)'N', 2_000_001), (byte)'.'];

        Assert.Contains("more than 2000000 opcodes", Refusal(WeightBytes.TorchZip(code)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenFile_OtherProtocol_IsRefused() =>
        Assert.Contains("protocol 4", Refusal(WeightBytes.TorchZip([0x80, 4, (byte)'}', (byte)'.'])).Message, StringComparison.Ordinal);

    [Fact]
    public void OpenFile_HandMadeTensor_IsRead()
    {
        using var folder = new TemporaryFolder();
        byte[] pickle = WeightBytes.TensorPickle(elements: 4, offset: 1, shape: [3], strides: [1]);
        File.WriteAllBytes(folder.File("pytorch_model.bin"), WeightBytes.TorchZip(pickle, ("0", WeightBytes.Floats(9, 1, 2, 3))));

        using var weights = Weights.Open(folder.Path);

        Assert.Equal([1f, 2f, 3f], weights.ReadFloat32("w", 3));
    }

    [Theory]
    [InlineData(4, 2, new[] { 3 }, new[] { 1 })] // past the end
    [InlineData(4, -1, new[] { 3 }, new[] { 1 })]
    [InlineData(4, 0, new[] { 3 }, new[] { -1 })]
    [InlineData(4, 0, new[] { 2, 2 }, new[] { 2 })]
    [InlineData(4, 0, new[] { -3 }, new[] { 1 })]
    [InlineData(4, 0, new[] { 2147483647, 2147483647 }, new[] { 0, 0 })] // as many elements as one likes out of one
    [InlineData(4, 0, new[] { 2, 2 }, new[] { 2147483647, 2147483647 })]
    public void OpenFile_TensorBeyondItsStorage_IsRefused(int elements, int offset, int[] shape, int[] strides)
    {
        byte[] pickle = WeightBytes.TensorPickle(elements, offset, shape, strides);

        var error = Refusal(WeightBytes.TorchZip(pickle, ("0", new byte[elements * 4])));

        Assert.Contains("beyond its storage '0' of 4 elements", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenFile_StorageShorterThanThePickleSays_NamesBothLengths()
    {
        byte[] pickle = WeightBytes.TensorPickle(elements: 4, offset: 0, shape: [4], strides: [1]);

        var error = Refusal(WeightBytes.TorchZip(pickle, ("0", new byte[12])));

        Assert.Contains("stores 12 bytes for tensor 'w'; expected are 16", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenFile_StorageMissing_IsRefused()
    {
        byte[] pickle = WeightBytes.TensorPickle(elements: 4, offset: 0, shape: [4], strides: [1]);

        Assert.Contains("stores no bytes for tensor 'w'", Refusal(WeightBytes.TorchZip(pickle)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void OpenFile_ZipWithoutAPickle_IsRefused() =>
        Assert.Contains("0 entries 'data.pkl'", Refusal([.. "PK\u0005\u0006"u8, .. new byte[18]]).Message, StringComparison.Ordinal);

    private static CheckpointException Refusal(byte[] file)
    {
        using var folder = new TemporaryFolder();
        string path = folder.File("pytorch_model.bin");
        File.WriteAllBytes(path, file);
        var error = Assert.Throws<CheckpointException>(() => Weights.OpenFile(path));
        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        return error;
    }
}
