using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Rudder.Trainer.Recipes.Settings;

/// <summary>A low-rank adapter that is trained in place of the model's weights (LoRA, arXiv:2106.09685). The defaults are PEFT's.</summary>
internal sealed record LoraSettings
{
    /// <summary>Stands for every linear layer of the blocks.</summary>
    public const string AllLinear = "all-linear";

    [Range(1, 4096)] public int Rank { get; init; } = 8;
    [Range(0, 1e6, MinimumIsExclusive = true)] public double Alpha { get; init; } = 8;
    [Range(0.0, 0.9)] public double Dropout { get; init; }
    [MinLength(1), JsonConverter(typeof(ModulesConverter))] public IReadOnlyList<string> TargetModules { get; init; } = [AllLinear];
    public bool Rslora { get; init; }

    /// <summary>Refuses settings of a recipe that contradict an adapter.</summary>
    /// <param name="recipe">The recipe.</param>
    /// <param name="path">The recipe file, for messages.</param>
    public void Check(TrainingRecipe recipe, string path)
    {
        if (recipe.Model is null)
        {
            throw new BadInputException($"{path}: lora trains an adapter on a finished model. Give model (its folder), or leave lora out.");
        }

        if (recipe.FreezeBlocks > 0)
        {
            throw new BadInputException(
                $"{path}: freeze_blocks is {recipe.FreezeBlocks}, but with lora all blocks are frozen. Leave it out; name the layers that get an "
                + "adapter in lora.target_modules, by full paths if only some blocks should.");
        }

        if (TargetModules.Count > 1 && TargetModules.Contains(AllLinear))
        {
            throw new BadInputException($"{path}: lora.target_modules holds '{AllLinear}' among other names. Give it alone, or name layers.");
        }
    }
}

/// <summary>Reads layers as <c>"all-linear"</c>, <c>"NAME"</c>, or a list of names.</summary>
internal sealed class ModulesConverter : JsonConverter<IReadOnlyList<string>>
{
    public override IReadOnlyList<string> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.String ? [reader.GetString()!] : JsonSerializer.Deserialize<string[]>(ref reader, options)!;

    public override void Write(Utf8JsonWriter writer, IReadOnlyList<string> value, JsonSerializerOptions options)
    {
        if (value is [string only])
        {
            writer.WriteStringValue(only);
            return;
        }

        JsonSerializer.Serialize(writer, value.ToArray(), options);
    }
}
