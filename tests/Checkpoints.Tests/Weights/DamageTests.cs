namespace Rudder.Checkpoints.Tests;

/// <summary>Files damaged at random (fixed seeds): a reader refuses them as checkpoints or reads them, and fails in no other way.</summary>
public class DamageTests
{
    [Theory]
    [InlineData("model.safetensors", 1)]
    [InlineData("model.safetensors", 2)]
    [InlineData("pytorch_model.bin", 3)]
    [InlineData("pytorch_model.bin", 4)]
    public void Open_DamagedAtRandom_FailsOnlyAsACheckpoint(string name, int seed)
    {
        using var folder = new TemporaryFolder();
        byte[] sound = File.ReadAllBytes(Path.Combine(Fixtures.Gpt2, name));
        var random = new Random(seed);
        int refused = 0;
        for (int round = 0; round < 300; round++)
        {
            string path = folder.File($"{round}-{name}");
            File.WriteAllBytes(path, Damage(sound, random));
            var error = Record.Exception(() => ReadAll(path));
            Assert.True(error is null or CheckpointException, $"seed {seed}, round {round}: {error}");
            refused += error is null ? 0 : 1;
            File.Delete(path);
        }

        Assert.InRange(refused, 100, 300);
    }

    private static byte[] Damage(byte[] sound, Random random)
    {
        byte[] bytes = random.Next(3) == 0 ? sound[..random.Next(sound.Length)] : [.. sound];
        // Headers lie at the beginning of safetensors, in the middle and at the end of a zip archive: damage all regions.
        for (int i = random.Next(1, 12); i > 0 && bytes.Length > 0; i--)
        {
            int at = random.Next(4) switch
            {
                0 => random.Next(bytes.Length),
                1 => random.Next(Math.Min(bytes.Length, 64)),
                2 => random.Next(Math.Min(bytes.Length, 3000)),
                _ => bytes.Length - 1 - random.Next(Math.Min(bytes.Length, 3000)),
            };
            bytes[at] = random.Next(2) == 0 ? (byte)random.Next(256) : (byte)(bytes[at] ^ (1 << random.Next(8)));
        }

        return bytes;
    }

    private static void ReadAll(string path)
    {
        using var weights = Weights.OpenFile(path);
        foreach (var tensor in weights.Tensors)
        {
            if (tensor.Type is WeightType.F32 or WeightType.F16 or WeightType.BF16 or WeightType.F64)
            {
                weights.ReadFloat32(tensor.Name, tensor.Shape);
            }
        }
    }
}
